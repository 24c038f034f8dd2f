// Replays what the fuzzers keep, and changes of it, without a fuzzer.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fuzz/fuzz_util.h"

using mh_fuzz::Data;

namespace {

// Relative to the repository's root, where the tests are run.
constexpr const char* kCorpus = "tests/fuzz/corpus";
constexpr int kChangesOfEach = 60;

std::vector<Data> CorpusOf(const std::string& name) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(kCorpus) + "/" + name)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Data> inputs;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return inputs;
}

void Change(const Data& other, std::mt19937* random, Data* input) {
  const auto below = [&](size_t n) { return static_cast<size_t>((*random)()) % n; };
  if (input->empty()) return;
  switch (below(6)) {
    case 0:
      input->resize(1 + below(input->size()));
      break;
    case 1:
      input->insert(input->begin() + static_cast<long>(below(input->size())),
                    static_cast<uint8_t>((*random)()));
      break;
    case 2:
      input->erase(input->begin() + static_cast<long>(below(input->size())));
      break;
    case 3:
      if (!other.empty()) (*input)[below(input->size())] = other[below(other.size())];
      break;
    case 4:
      (*input)[below(std::min<size_t>(input->size(), 100))] = static_cast<uint8_t>((*random)());
      break;
    default:
      (*input)[below(input->size())] ^= static_cast<uint8_t>(1u << below(8));
  }
}

}  // namespace

TEST_CASE("fuzz: every target has a corpus, and every corpus a target") {
  std::vector<std::string> targets, corpora;
  for (const mh_fuzz::Target& target : mh_fuzz::Targets()) targets.push_back(target.name);
  for (const auto& entry : std::filesystem::directory_iterator(kCorpus)) {
    corpora.push_back(entry.path().filename());
  }
  std::sort(targets.begin(), targets.end());
  std::sort(corpora.begin(), corpora.end());
  CHECK(targets == corpora);
}

TEST_CASE("fuzz: corpora, seeds and changes of them run through their targets") {
  for (const mh_fuzz::Target& target : mh_fuzz::Targets()) {
    CAPTURE(target.name);
    std::vector<Data> corpus = CorpusOf(target.name);
    CHECK(!corpus.empty());
    for (Data& seed : target.seeds()) corpus.push_back(std::move(seed));
    std::mt19937 random(1);
    for (const Data& input : corpus) {
      CHECK(target.run(input.data(), input.size()) == 0);
      for (int i = 0; i < kChangesOfEach; i++) {
        Data changed = input;
        for (int change = 0; change <= i % 3; change++) {
          Change(corpus[random() % corpus.size()], &random, &changed);
        }
        target.run(changed.data(), changed.size());
      }
    }
  }
}
