"""The allow-list: which ATen operations a network may hold, and what arguments they take.

One line is `NAME.OVERLOAD(TYPE ARGUMENT[=DEFAULT], ...) -> RESULT`, indented where it goes on;
`*` begins the arguments that are given by name. RESULT is `Tensor`, or `Tensors` when the result
is a list or tuple, of which a reader names one item. It is torch's own schema with its remarks on
aliases left out and `SymInt` written `int`. What is not here cannot be run: aten also has
operations that read files, change their arguments or look at memory that is not theirs.
"""

from __future__ import annotations

__all__ = ["SCHEMAS"]

SCHEMAS = """
abs.default(Tensor self) -> Tensor
adaptive_avg_pool1d.default(Tensor self, int[] output_size) -> Tensor
adaptive_avg_pool2d.default(Tensor self, int[] output_size) -> Tensor
adaptive_avg_pool3d.default(Tensor self, int[] output_size) -> Tensor
adaptive_max_pool1d.default(Tensor self, int[] output_size) -> Tensors
adaptive_max_pool2d.default(Tensor self, int[] output_size) -> Tensors
adaptive_max_pool3d.default(Tensor self, int[] output_size) -> Tensors
add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor
add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor
addcmul.default(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor
addmm.default(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) ->
  Tensor
affine_grid_generator.default(Tensor theta, int[] size, bool align_corners) -> Tensor
alias.default(Tensor self) -> Tensor
all.default(Tensor self) -> Tensor
all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor
alpha_dropout.default(Tensor input, float p, bool train) -> Tensor
amax.default(Tensor self, int[] dim=[], bool keepdim=False) -> Tensor
amin.default(Tensor self, int[] dim=[], bool keepdim=False) -> Tensor
any.default(Tensor self) -> Tensor
any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor
arange.default(Scalar end, *, dtype? dtype=None, layout? layout=None, device? device=None,
  bool? pin_memory=None) -> Tensor
arange.start(Scalar start, Scalar end, *, dtype? dtype=None, layout? layout=None, device?
  device=None, bool? pin_memory=None) -> Tensor
arange.start_step(Scalar start, Scalar end, Scalar step=1, *, dtype? dtype=None, layout?
  layout=None, device? device=None, bool? pin_memory=None) -> Tensor
argmax.default(Tensor self, int? dim=None, bool keepdim=False) -> Tensor
argmin.default(Tensor self, int? dim=None, bool keepdim=False) -> Tensor
avg_pool1d.default(Tensor self, int[] kernel_size, int[] stride=[], int[] padding=[0], bool
  ceil_mode=False, bool count_include_pad=True) -> Tensor
avg_pool2d.default(Tensor self, int[] kernel_size, int[] stride=[], int[] padding=0, bool
  ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor
avg_pool3d.default(Tensor self, int[] kernel_size, int[] stride=[], int[] padding=0, bool
  ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor
baddbmm.default(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1)
  -> Tensor
batch_norm.default(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor?
  running_var, bool training, float momentum, float eps, bool cudnn_enabled) -> Tensor
bilinear.default(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor
bitwise_and.Tensor(Tensor self, Tensor other) -> Tensor
bitwise_not.default(Tensor self) -> Tensor
bitwise_or.Tensor(Tensor self, Tensor other) -> Tensor
bmm.default(Tensor self, Tensor mat2) -> Tensor
broadcast_to.default(Tensor self, int[] size) -> Tensor
cat.default(Tensor[] tensors, int dim=0) -> Tensor
ceil.default(Tensor self) -> Tensor
celu.default(Tensor self, Scalar alpha=1.) -> Tensor
channel_shuffle.default(Tensor self, int groups) -> Tensor
chunk.default(Tensor self, int chunks, int dim=0) -> Tensors
clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor
clamp.default(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor
clamp_max.default(Tensor self, Scalar max) -> Tensor
clamp_min.default(Tensor self, Scalar min) -> Tensor
clone.default(Tensor self, *, memory_format? memory_format=None) -> Tensor
constant_pad_nd.default(Tensor self, int[] pad, Scalar value=0) -> Tensor
contiguous.default(Tensor self, *, memory_format memory_format=0) -> Tensor
conv1d.default(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1], int[]
  padding=[0], int[] dilation=[1], int groups=1) -> Tensor
conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1], str
  padding="valid", int[] dilation=[1], int groups=1) -> Tensor
conv2d.default(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1, 1], int[]
  padding=[0, 0], int[] dilation=[1, 1], int groups=1) -> Tensor
conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1, 1], str
  padding="valid", int[] dilation=[1, 1], int groups=1) -> Tensor
conv3d.default(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1, 1, 1], int[]
  padding=[0, 0, 0], int[] dilation=[1, 1, 1], int groups=1) -> Tensor
conv3d.padding(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1, 1, 1], str
  padding="valid", int[] dilation=[1, 1, 1], int groups=1) -> Tensor
conv_transpose1d.default(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1],
  int[] padding=[0], int[] output_padding=[0], int groups=1, int[] dilation=[1]) -> Tensor
conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1, 1],
  int[] padding=[0, 0], int[] output_padding=[0, 0], int groups=1, int[] dilation=[1, 1]) ->
  Tensor
conv_transpose3d.input(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=[1, 1,
  1], int[] padding=[0, 0, 0], int[] output_padding=[0, 0, 0], int groups=1, int[]
  dilation=[1, 1, 1]) -> Tensor
cos.default(Tensor self) -> Tensor
cosine_similarity.default(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor
cumsum.default(Tensor self, int dim, *, dtype? dtype=None) -> Tensor
detach.default(Tensor self) -> Tensor
diagonal.default(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor
diff.default(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) ->
  Tensor
div.Scalar(Tensor self, Scalar other) -> Tensor
div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor
div.Tensor(Tensor self, Tensor other) -> Tensor
div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor
dropout.default(Tensor input, float p, bool train) -> Tensor
einsum.default(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor
elu.default(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor
embedding.default(Tensor weight, Tensor indices, int padding_idx=-1, bool
  scale_grad_by_freq=False, bool sparse=False) -> Tensor
embedding_bag.padding_idx(Tensor weight, Tensor indices, Tensor offsets, bool
  scale_grad_by_freq, int mode, bool sparse, Tensor? per_sample_weights, bool
  include_last_offset, int? padding_idx) -> Tensors
eq.Scalar(Tensor self, Scalar other) -> Tensor
eq.Tensor(Tensor self, Tensor other) -> Tensor
erf.default(Tensor self) -> Tensor
exp.default(Tensor self) -> Tensor
expand.default(Tensor self, int[] size, *, bool implicit=False) -> Tensor
expand_as.default(Tensor self, Tensor other) -> Tensor
expm1.default(Tensor self) -> Tensor
feature_alpha_dropout.default(Tensor input, float p, bool train) -> Tensor
feature_dropout.default(Tensor input, float p, bool train) -> Tensor
flatten.using_ints(Tensor self, int start_dim=0, int end_dim=-1) -> Tensor
flip.default(Tensor self, int[] dims) -> Tensor
floor.default(Tensor self) -> Tensor
floor_divide.default(Tensor self, Tensor other) -> Tensor
full.default(int[] size, Scalar fill_value, *, dtype? dtype=None, layout? layout=None,
  device? device=None, bool? pin_memory=None) -> Tensor
full_like.default(Tensor self, Scalar fill_value, *, dtype? dtype=None, layout? layout=None,
  device? device=None, bool? pin_memory=None, memory_format? memory_format=None) -> Tensor
gather.default(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor
ge.Scalar(Tensor self, Scalar other) -> Tensor
ge.Tensor(Tensor self, Tensor other) -> Tensor
gelu.default(Tensor self, *, str approximate="none") -> Tensor
glu.default(Tensor self, int dim=-1) -> Tensor
grid_sampler.default(Tensor input, Tensor grid, int interpolation_mode, int padding_mode,
  bool align_corners) -> Tensor
group_norm.default(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None,
  float eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor
gru.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float
  dropout, bool train, bool bidirectional, bool batch_first) -> Tensors
gt.Scalar(Tensor self, Scalar other) -> Tensor
gt.Tensor(Tensor self, Tensor other) -> Tensor
hardshrink.default(Tensor self, Scalar lambd=0.5) -> Tensor
hardsigmoid.default(Tensor self) -> Tensor
hardswish.default(Tensor self) -> Tensor
hardtanh.default(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor
im2col.default(Tensor self, int[] kernel_size, int[] dilation, int[] padding, int[] stride)
  -> Tensor
index.Tensor(Tensor self, Tensor?[] indices) -> Tensor
index_select.default(Tensor self, int dim, Tensor index) -> Tensor
instance_norm.default(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean,
  Tensor? running_var, bool use_input_stats, float momentum, float eps, bool cudnn_enabled)
  -> Tensor
isinf.default(Tensor self) -> Tensor
isnan.default(Tensor self) -> Tensor
layer_norm.default(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor?
  bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor
le.Scalar(Tensor self, Scalar other) -> Tensor
le.Tensor(Tensor self, Tensor other) -> Tensor
leaky_relu.default(Tensor self, Scalar negative_slope=0.01) -> Tensor
lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor
lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor
linalg_vector_norm.default(Tensor self, Scalar ord=2, int[]? dim=None, bool keepdim=False,
  *, dtype? dtype=None) -> Tensor
linear.default(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor
log.default(Tensor self) -> Tensor
log1p.default(Tensor self) -> Tensor
log_sigmoid.default(Tensor self) -> Tensor
log_softmax.int(Tensor self, int dim, dtype? dtype=None) -> Tensor
logical_and.default(Tensor self, Tensor other) -> Tensor
logical_not.default(Tensor self) -> Tensor
logical_or.default(Tensor self, Tensor other) -> Tensor
logsumexp.default(Tensor self, int[] dim, bool keepdim=False) -> Tensor
lstm.input(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers,
  float dropout, bool train, bool bidirectional, bool batch_first) -> Tensors
lt.Scalar(Tensor self, Scalar other) -> Tensor
lt.Tensor(Tensor self, Tensor other) -> Tensor
mT.default(Tensor self) -> Tensor
masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor
masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor
matmul.default(Tensor self, Tensor other) -> Tensor
max.default(Tensor self) -> Tensor
max.dim(Tensor self, int dim, bool keepdim=False) -> Tensors
max_pool1d.default(Tensor self, int[] kernel_size, int[] stride=[], int[] padding=[0], int[]
  dilation=[1], bool ceil_mode=False) -> Tensor
max_pool2d.default(Tensor self, int[] kernel_size, int[] stride=[], int[] padding=0, int[]
  dilation=1, bool ceil_mode=False) -> Tensor
max_pool2d_with_indices.default(Tensor self, int[] kernel_size, int[] stride=[], int[]
  padding=0, int[] dilation=1, bool ceil_mode=False) -> Tensors
max_pool3d.default(Tensor self, int[] kernel_size, int[] stride=[], int[] padding=0, int[]
  dilation=1, bool ceil_mode=False) -> Tensor
maximum.default(Tensor self, Tensor other) -> Tensor
mean.default(Tensor self, *, dtype? dtype=None) -> Tensor
mean.dim(Tensor self, int[]? dim, bool keepdim=False, *, dtype? dtype=None) -> Tensor
min.default(Tensor self) -> Tensor
min.dim(Tensor self, int dim, bool keepdim=False) -> Tensors
minimum.default(Tensor self, Tensor other) -> Tensor
mish.default(Tensor self) -> Tensor
mm.default(Tensor self, Tensor mat2) -> Tensor
movedim.int(Tensor self, int source, int destination) -> Tensor
mul.Scalar(Tensor self, Scalar other) -> Tensor
mul.Tensor(Tensor self, Tensor other) -> Tensor
narrow.default(Tensor self, int dim, int start, int length) -> Tensor
ne.Scalar(Tensor self, Scalar other) -> Tensor
ne.Tensor(Tensor self, Tensor other) -> Tensor
neg.default(Tensor self) -> Tensor
new_full.default(Tensor self, int[] size, Scalar fill_value, *, dtype? dtype=None, layout?
  layout=None, device? device=None, bool? pin_memory=None) -> Tensor
new_ones.default(Tensor self, int[] size, *, dtype? dtype=None, layout? layout=None, device?
  device=None, bool? pin_memory=None) -> Tensor
new_zeros.default(Tensor self, int[] size, *, dtype? dtype=None, layout? layout=None,
  device? device=None, bool? pin_memory=None) -> Tensor
norm.ScalarOpt_dim(Tensor self, Scalar? p, int[] dim, bool keepdim=False) -> Tensor
numpy_T.default(Tensor self) -> Tensor
one_hot.default(Tensor self, int num_classes=-1) -> Tensor
ones.default(int[] size, *, dtype? dtype=None, layout? layout=None, device? device=None,
  bool? pin_memory=None) -> Tensor
ones_like.default(Tensor self, *, dtype? dtype=None, layout? layout=None, device?
  device=None, bool? pin_memory=None, memory_format? memory_format=None) -> Tensor
pad.default(Tensor self, int[] pad, str mode="constant", float? value=None) -> Tensor
permute.default(Tensor self, int[] dims) -> Tensor
pixel_shuffle.default(Tensor self, int upscale_factor) -> Tensor
pixel_unshuffle.default(Tensor self, int downscale_factor) -> Tensor
pow.Scalar(Scalar self, Tensor exponent) -> Tensor
pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor
pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor
prelu.default(Tensor self, Tensor weight) -> Tensor
prod.default(Tensor self, *, dtype? dtype=None) -> Tensor
reciprocal.default(Tensor self) -> Tensor
reflection_pad1d.default(Tensor self, int[] padding) -> Tensor
reflection_pad2d.default(Tensor self, int[] padding) -> Tensor
relu.default(Tensor self) -> Tensor
relu6.default(Tensor self) -> Tensor
remainder.Scalar(Tensor self, Scalar other) -> Tensor
remainder.Tensor(Tensor self, Tensor other) -> Tensor
repeat.default(Tensor self, int[] repeats) -> Tensor
repeat_interleave.self_int(Tensor self, int repeats, int? dim=None, *, int?
  output_size=None) -> Tensor
replication_pad1d.default(Tensor self, int[] padding) -> Tensor
replication_pad2d.default(Tensor self, int[] padding) -> Tensor
reshape.default(Tensor self, int[] shape) -> Tensor
reshape_as.default(Tensor self, Tensor other) -> Tensor
rms_norm.default(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None)
  -> Tensor
rnn_relu.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers,
  float dropout, bool train, bool bidirectional, bool batch_first) -> Tensors
rnn_tanh.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers,
  float dropout, bool train, bool bidirectional, bool batch_first) -> Tensors
roll.default(Tensor self, int[] shifts, int[] dims=[]) -> Tensor
round.default(Tensor self) -> Tensor
rrelu.default(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool
  training=False, Generator? generator=None) -> Tensor
rsqrt.default(Tensor self) -> Tensor
rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor
rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor
scalar_tensor.default(Scalar s, *, dtype? dtype=None, layout? layout=None, device?
  device=None, bool? pin_memory=None) -> Tensor
scaled_dot_product_attention.default(Tensor query, Tensor key, Tensor value, Tensor?
  attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool
  enable_gqa=False) -> Tensor
select.int(Tensor self, int dim, int index) -> Tensor
selu.default(Tensor self) -> Tensor
sigmoid.default(Tensor self) -> Tensor
sign.default(Tensor self) -> Tensor
silu.default(Tensor self) -> Tensor
sin.default(Tensor self) -> Tensor
slice.Tensor(Tensor self, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor
softmax.int(Tensor self, int dim, dtype? dtype=None) -> Tensor
softplus.default(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor
softshrink.default(Tensor self, Scalar lambd=0.5) -> Tensor
sort.default(Tensor self, int dim=-1, bool descending=False) -> Tensors
split.Tensor(Tensor self, int split_size, int dim=0) -> Tensors
split.sizes(Tensor self, int[] split_size, int dim=0) -> Tensors
split_with_sizes.default(Tensor self, int[] split_sizes, int dim=0) -> Tensors
sqrt.default(Tensor self) -> Tensor
square.default(Tensor self) -> Tensor
squeeze.default(Tensor self) -> Tensor
squeeze.dim(Tensor self, int dim) -> Tensor
squeeze.dims(Tensor self, int[] dim) -> Tensor
stack.default(Tensor[] tensors, int dim=0) -> Tensor
std.correction(Tensor self, int[]? dim=None, *, Scalar? correction=None, bool keepdim=False)
  -> Tensor
std.dim(Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False) -> Tensor
sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor
sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor
sum.default(Tensor self, *, dtype? dtype=None) -> Tensor
sum.dim_IntList(Tensor self, int[]? dim, bool keepdim=False, *, dtype? dtype=None) -> Tensor
t.default(Tensor self) -> Tensor
tanh.default(Tensor self) -> Tensor
threshold.default(Tensor self, Scalar threshold, Scalar value) -> Tensor
to.device(Tensor self, device device, dtype dtype, bool non_blocking=False, bool copy=False,
  memory_format? memory_format=None) -> Tensor
to.dtype(Tensor self, dtype dtype, bool non_blocking=False, bool copy=False, memory_format?
  memory_format=None) -> Tensor
to.dtype_layout(Tensor self, *, dtype? dtype=None, layout? layout=None, device? device=None,
  bool? pin_memory=None, bool non_blocking=False, bool copy=False, memory_format?
  memory_format=None) -> Tensor
to.other(Tensor self, Tensor other, bool non_blocking=False, bool copy=False, memory_format?
  memory_format=None) -> Tensor
topk.default(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True) -> Tensors
transpose.int(Tensor self, int dim0, int dim1) -> Tensor
tril.default(Tensor self, int diagonal=0) -> Tensor
triu.default(Tensor self, int diagonal=0) -> Tensor
type_as.default(Tensor self, Tensor other) -> Tensor
unbind.int(Tensor self, int dim=0) -> Tensors
unflatten.int(Tensor self, int dim, int[] sizes) -> Tensor
unfold.default(Tensor self, int dimension, int size, int step) -> Tensor
unsqueeze.default(Tensor self, int dim) -> Tensor
upsample_bicubic2d.vec(Tensor input, int[]? output_size, bool align_corners, float[]?
  scale_factors) -> Tensor
upsample_bilinear2d.vec(Tensor input, int[]? output_size, bool align_corners, float[]?
  scale_factors) -> Tensor
upsample_linear1d.vec(Tensor input, int[]? output_size, bool align_corners, float[]?
  scale_factors) -> Tensor
upsample_nearest1d.vec(Tensor input, int[]? output_size, float[]? scale_factors) -> Tensor
upsample_nearest2d.vec(Tensor input, int[]? output_size, float[]? scale_factors) -> Tensor
upsample_nearest3d.vec(Tensor input, int[]? output_size, float[]? scale_factors) -> Tensor
upsample_trilinear3d.vec(Tensor input, int[]? output_size, bool align_corners, float[]?
  scale_factors) -> Tensor
var.correction(Tensor self, int[]? dim=None, *, Scalar? correction=None, bool keepdim=False)
  -> Tensor
var.dim(Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False) -> Tensor
var_mean.correction(Tensor self, int[]? dim=None, *, Scalar? correction=None, bool
  keepdim=False) -> Tensors
view.default(Tensor self, int[] size) -> Tensor
view_as.default(Tensor self, Tensor other) -> Tensor
where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor
where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor
where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor
where.self(Tensor condition, Tensor self, Tensor other) -> Tensor
zeros.default(int[] size, *, dtype? dtype=None, layout? layout=None, device? device=None,
  bool? pin_memory=None) -> Tensor
zeros_like.default(Tensor self, *, dtype? dtype=None, layout? layout=None, device?
  device=None, bool? pin_memory=None, memory_format? memory_format=None) -> Tensor
"""
