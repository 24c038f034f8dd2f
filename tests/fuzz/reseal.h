// Puts right the checksums of blobs and packs that a fuzzer has changed, so that it gets past them.
#ifndef TESTS_FUZZ_RESEAL_H_
#define TESTS_FUZZ_RESEAL_H_

#include "mh/pack/blob.h"
#include "tests/fuzz/fuzz_util.h"

namespace mh_fuzz {

// Of cells and record. With `repair`, also makes the blob as long as its cells say, and the sums in
// its head those of the cells, if that takes no more than a MiB.
void ResealBlob(bool repair, Data* blob);

// Of cells, records, index and trailer. With `repair`, the trailer's lengths are those of the file,
// and each record begins with the head that the index has.
void ResealPack(bool repair, Data* pack);

}  // namespace mh_fuzz

#endif  // TESTS_FUZZ_RESEAL_H_
