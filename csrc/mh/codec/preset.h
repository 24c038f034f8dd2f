// Presets: what an encoder tries. Readers depend on none of this.
#ifndef MH_CODEC_PRESET_H_
#define MH_CODEC_PRESET_H_

namespace mh {

enum class Preset : int { kFast = 0, kDefault = 1, kDense = 2 };
inline constexpr const char* kPresetNames[] = {"fast", "default", "dense"};
inline constexpr int kPresetCount = 3;

struct PresetRules {
  int zstd_level;
  // The slower coder with finer frequencies for exponents and classes: 0.2 to 0.6 points smaller,
  // a quarter of the speed.
  bool fine;
  // The order-0 coder for byte planes that are neither noise nor repeats. It reads at 1 GB/s.
  bool rans;
  // Looks for repeats in every plane, not only where a sample has shown some.
  bool always_repeats;
  // Places sampled to choose how a tensor is coded, at most 16 (block_planner.h).
  int samples;
  // The share by which fields may be larger than planes: they are read four times as fast.
  double field_favour;
  // Mantissa bits in a field's symbol: more is smaller until the 64 symbols run out.
  int field_top;
};

inline const PresetRules& RulesOf(Preset preset) {
  static constexpr PresetRules kRules[kPresetCount] = {{1, false, false, false, 8, 0.02, 0},
                                                       {1, false, true, false, 16, 0.005, 1},
                                                       {9, true, true, true, 16, 0, 2}};
  return kRules[static_cast<int>(preset)];
}

}  // namespace mh

#endif  // MH_CODEC_PRESET_H_
