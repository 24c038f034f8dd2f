#include <doctest/doctest.h>
#include <xxhash.h>

#include <atomic>
#include <set>

#include "mh/base/checksum.h"
#include "mh/base/endian.h"
#include "mh/base/file.h"
#include "mh/base/parallel.h"
#include "mh/base/stream_copy.h"
#include "tests/cpp/test_util.h"

namespace {

std::string Sha256Hex(const std::string& text) {
  mh::Sha256 hash;
  // In two parts, so that the joint inside a block is met.
  hash.Update(text.data(), text.size() / 3);
  hash.Update(text.data() + text.size() / 3, text.size() - text.size() / 3);
  return mh::HexOf(hash.Finish());
}

}  // namespace

TEST_CASE("a copy past the caches is a copy, alike at every level and address") {
  for (const size_t size : {0, 1, 4095, 4096, 4097, 10'000, 65'536}) {
    for (const size_t skew : {0, 1, 32, 63}) {
      const mh_test::Bytes8 from(mh_test::Noise(size, 1), skew / 2);
      for (const mh::Cpu level : mh_test::Levels()) {
        CAPTURE(mh_test::NameOf(level));
        mh_test::Bytes8 to(size, skew);
        mh::StreamCopy(level, from.data(), size, to.data());
        CHECK(to == from);
      }
    }
  }
}

TEST_CASE("SHA-256 gives the digests of FIPS 180-4's examples") {
  CHECK(Sha256Hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(Sha256Hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(Sha256Hex(std::string(1000000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("XXH3-64 is the published one, of every length, at every address and level") {
  CHECK(mh::Checksum("", 0) == 0x2d06800538d394c2u);
  const mh_test::Data data = mh_test::Noise(300'000, 1);
  for (size_t size = 0; size < data.size(); size += size < 2100 ? 1 : 9973) {
    const uint64_t expected = XXH3_64bits(data.data(), size);
    for (const size_t skew : {0, 1, 32}) {
      const mh_test::Bytes8 memory(std::span<const uint8_t>(data).first(size), skew);
      for (const mh::Cpu level : mh_test::Levels()) {
        const mh_test::UseCpu use(level);
        if (mh::Checksum(memory.data(), size) == expected) continue;
        FAIL(size << " bytes at " << skew << ", " << mh_test::NameOf(level));
      }
    }
  }
}

TEST_CASE("sums and products that do not fit say so") {
  uint64_t out = 0;
  CHECK(mh::Add(UINT64_MAX - 1, 1, &out));
  CHECK(out == UINT64_MAX);
  CHECK_FALSE(mh::Add(UINT64_MAX, 1, &out));
  CHECK_FALSE(mh::Multiply(uint64_t{1} << 32, uint64_t{1} << 32, &out));
}

TEST_CASE("a status keeps its parts and goes inside others") {
  const mh::Status status = mh::Corruption("found", "expected").Within("block 1").Within("file");
  CHECK(status.code() == mh::Code::kCorruption);
  CHECK(status.where() == "file, block 1");
  CHECK(mh::Status::Ok().ok());
}

TEST_CASE("every code but Ok has a row in the status table") {
  std::set<mh::Code> codes;
  for (const mh::StatusRow& row : mh::kStatusTable) codes.insert(row.code);
  CHECK(codes.size() == static_cast<size_t>(mh::Code::kTier));
}

TEST_CASE("ParallelFor runs every task once and reports the first failure") {
  std::vector<std::atomic<int>> calls(1000);
  CHECK(mh::ParallelFor(4, 1000, [&](int worker, size_t task) {
          CHECK(worker < 4);
          calls[task]++;
          return mh::Status::Ok();
        }).ok());
  for (const auto& count : calls) CHECK(count == 1);
  const mh::Status failed = mh::ParallelFor(3, 1000, [&](int, size_t task) {
    return task >= 10 ? mh::Corruption(std::to_string(task)) : mh::Status::Ok();
  });
  CHECK(failed.found() == "10");
  CHECK(mh::ParallelFor(1, 0, [](int, size_t) { return mh::Corruption("no task"); }).ok());
}

TEST_CASE("threads follow the work") {
  CHECK(mh::UsefulThreads(8, 100, 1000) == 1);
  CHECK(mh::UsefulThreads(8, 100, size_t{64} << 20) == 8);
  CHECK(mh::UsefulThreads(8, 2, size_t{64} << 20) == 2);
  CHECK(mh::UsefulThreads(-3, 2, size_t{64} << 20) == 1);
}

TEST_CASE("files are created once, kept only when closed, and read within their size") {
  const mh_test::ScratchPath path;
  {
    auto file = mh::OutputFile::Create(path.str());
    REQUIRE(file.ok());
    CHECK(mh::OutputFile::Create(path.str()).status().code() == mh::Code::kConflict);
  }
  CHECK(mh::InputFile::Open(path.str()).status().code() == mh::Code::kNotFound);
  const mh_test::Data data = mh_test::Noise(100'000, 1);
  {
    auto file = mh::OutputFile::Create(path.str());
    REQUIRE(file.ok());
    std::vector<mh::Bytes> parts(3000, mh::Bytes(data).first(7));
    parts.push_back(data);
    parts.push_back({});
    CHECK(file.value()->AppendAll(parts).ok());
    CHECK(file.value()->size() == 121'000);
    CHECK(file.value()->SyncAndClose().ok());
  }
  auto file = mh::InputFile::Open(path.str());
  REQUIRE(file.ok());
  mh_test::Data again(data.size());
  CHECK(file.value()->ReadAt(21'000, again).ok());
  CHECK(again == data);
  CHECK(file.value()->ReadAt(21'001, again).code() == mh::Code::kCorruption);
  CHECK(file.value()->ReadAt(UINT64_MAX, again).code() == mh::Code::kCorruption);
}
