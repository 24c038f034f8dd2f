#include <doctest/doctest.h>

#include "mh/codec/planes/planes_kernel.h"
#include "tests/cpp/test_util.h"

using mh_test::Bytes8;
using mh_test::Data;
using mh_test::Noise;

TEST_CASE("planes: vector code equals scalar code for every width, length and number kept") {
  for (const int width : {1, 2, 4, 8}) {
    for (size_t n = 0; n <= 200; n += n < 70 ? 1 : 13) {
      const auto w = static_cast<size_t>(width);
      const Bytes8 elements(Noise(n * w, static_cast<uint32_t>(n)), 1);
      Bytes8 planes(n * w, 1), expected(n * w);
      mh::SplitPlanes(elements.data(), n, width, planes.data(), n);
      mh::SplitPlanesScalar(elements.data(), n, width, expected.data(), n);
      CHECK(planes == expected);
      for (int kept = 1; kept <= width; kept++) {
        // Planes that were not kept are not there.
        const Bytes8 leading(planes.span().first(n * static_cast<size_t>(kept)));
        Bytes8 merged(n * w, 1), by_hand(n * w);
        mh::MergePlanes(leading.data(), n, n, width, kept, merged.data());
        mh::MergePlanesScalar(leading.data(), n, n, width, kept, by_hand.data());
        CHECK(merged == by_hand);
        if (kept == width) CHECK(merged == elements);
      }
    }
  }
}

TEST_CASE("planes: they may lie further apart than they are long") {
  const size_t n = 77, stride = 100;
  for (const size_t width : {2, 4, 8}) {
    const Bytes8 elements(Noise(n * width, 1));
    Bytes8 planes((width - 1) * stride + n), merged(n * width);
    mh::SplitPlanes(elements.data(), n, static_cast<int>(width), planes.data(), stride);
    for (size_t s = 0; s < width; s++) {
      for (size_t i = 0; i < n; i++) {
        REQUIRE(planes.data()[s * stride + i] == elements.data()[i * width + width - 1 - s]);
      }
    }
    mh::MergePlanes(planes.data(), stride, n, static_cast<int>(width), static_cast<int>(width),
                    merged.data());
    CHECK(merged == elements);
  }
}
