#include "mh/pack/entry_source.h"

#include <cstring>

#include "mh/base/checksum.h"
#include "mh/base/endian.h"

namespace mh {

std::string EntrySource::Where(size_t index) const {
  return path() + ", entry " + std::to_string(index) + " (" + HexOf(head(index).id) + ")";
}

std::string EntrySource::CellWhere(size_t index, size_t segment, uint64_t block) const {
  return Where(index) + ", segment " + std::to_string(segment) + ", block " + std::to_string(block);
}

Status EntrySource::GetPayload(size_t index, const EntryTable& table, size_t segment,
                               uint64_t block, std::span<uint8_t> into, Bytes* payload) const {
  const size_t i = segment * static_cast<size_t>(head(index).blocks()) + static_cast<size_t>(block);
  const Cell& cell = table.cells[i];
  MH_RETURN_IF_ERROR(Read(table.offsets[i], into.first(cell.stored_bytes), payload));
  if (Checksum(payload->data(), payload->size()) == cell.checksum) return Status::Ok();
  return Corruption("the checksum does not match").Within(CellWhere(index, segment, block));
}

Result<EntryTable> ParseRecord(const Head& head, Bytes record, uint64_t payloads) {
  const size_t body = record.size() - kChecksumBytes;
  if (Checksum(record.data(), body) != Load<uint64_t>(record.data() + body)) {
    return Corruption("the record's checksum does not match");
  }
  const std::string expected = SerializeHead(head);
  if (std::memcmp(record.data(), expected.data(), expected.size()) != 0) {
    return Corruption("the record's head is not that of the index");
  }
  auto cells = ParseCells(head, record.subspan(expected.size(), body - expected.size()));
  if (!cells.ok()) return cells.status();
  EntryTable table;
  table.cells = std::move(cells.value());
  table.offsets.resize(table.cells.size());
  for (size_t i = 0; i < table.cells.size(); i++) {
    table.offsets[i] = payloads;
    payloads += table.cells[i].stored_bytes;
  }
  return table;
}

}  // namespace mh
