"""What exported C consists of: a function for each activation's kernel, and those that layers are made of.

The formulas are those of csrc/kernels/activations.h: at ±∞ the limit, and NaN stays NaN. ``@`` stands for the network's
name. Loops run over outputs or features, so that compilers vectorise them without reordering a sum.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Formula:
    """An activation that works element by element: f(z), perhaps by lines before it, and its settings in order."""

    value: str
    settings: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


def _within(x: str, low: str, high: str) -> str:
    return f"({x} < {low} ? {low} : {x} > {high} ? {high} : {x})"


def _ramp(start: str, low: str, high: str, width: str) -> Formula:
    return Formula(f"{_within('s', low, high)} / {width}", before=(f"const float s = z + {start};",))


GATED = "g == 0.0f ? g : z * g"  # 0 where the gate is closed, right to infinity
EXP = "const float e = expf(-fabsf(z));"  # at most 1
SHARE = "const float share = 1.0f / (1.0f + e);"

FORMULAS = {
    "relu": Formula("z < 0.0f ? 0.0f : z"),
    "leaky_relu": Formula("z > 0.0f ? z : negative_slope * z", ("negative_slope",)),
    "bounded_relu": Formula(
        "z > threshold ? (z > max_value ? max_value : z) : negative_slope * (d < lowest ? lowest : d)",
        ("negative_slope", "max_value", "threshold"),
        (
            "const float d = z - threshold;",
            "const float lowest = negative_slope > 0.0f ? -INFINITY : 0.0f; /* 0 times infinity would be NaN */",
        ),
    ),
    "relu6": Formula(_within("z", "0.0f", "6.0f")),
    "hard_tanh": Formula(_within("z", "-1.0f", "1.0f")),
    "hard_sigmoid": _ramp("3.0f", "0.0f", "6.0f", "6.0f"),
    "sparse_sigmoid": _ramp("1.0f", "0.0f", "2.0f", "2.0f"),
    "soft_shrink": Formula(f"z - {_within('z', '-threshold', 'threshold')}", ("threshold",)),
    "hard_shrink": Formula("fabsf(z) <= threshold ? 0.0f : z", ("threshold",)),
    "threshold": Formula("z <= threshold ? default_value : z", ("threshold", "default_value")),
    "elu": Formula("z > 0.0f ? z : alpha * expm1f(z)", ("alpha",)),
    "selu": Formula("z > 0.0f ? 1.05070099f * z : 1.75809934f * expm1f(z)"),
    "celu": Formula("z > 0.0f ? z : alpha * expm1f(z / alpha)", ("alpha",)),
    "exponential": Formula("expf(z)"),
    "sigmoid": Formula("z < 0.0f ? e * share : share", before=(EXP, SHARE)),
    "tanh": Formula("tanhf(z)"),
    "tanh_shrink": Formula("z - tanhf(z)"),
    "softplus": Formula("(z < 0.0f ? 0.0f : z) + log1pf(expf(-fabsf(z)))"),
    "log_sigmoid": Formula("(z > 0.0f ? 0.0f : z) - log1pf(expf(-fabsf(z)))"),
    "softsign": Formula(
        "kept / (1.0f + fabsf(kept))",
        before=(f"const float kept = {_within('z', '-0x1p60f', '0x1p60f')}; /* beyond, it is 1 or -1 */",),
    ),
    "squareplus": Formula(
        "z > 0.0f ? 0.5f * z + 0.5f * r : 0.5f * b / (r - z)",
        ("b",),
        (
            "const float m = fabsf(z) > 1.0f ? fabsf(z) : 1.0f;",
            "const float r = m * sqrtf((z * z > 1.0f ? 1.0f : z * z) + b / (m * m)); /* the root of z * z + b */",
        ),
    ),
    "sparse_plus": Formula(
        "z > 1.0f ? z : root * root",
        before=("const float half = 0.5f * z + 0.5f;", "const float root = half < 0.0f ? 0.0f : half;"),
    ),
    "silu": Formula(GATED, before=(EXP, SHARE, "const float g = z < 0.0f ? e * share : share;")),
    "gelu": Formula(GATED, before=("const float g = 0.5f * erfcf(-0.707106781f * z);",)),
    "gelu_tanh": Formula(
        GATED,
        before=(
            "const float t = 1.59576912f * z * (1.0f + 0.044715f * z * z);",
            "const float e = expf(-fabsf(t));",
            SHARE,
            "const float g = t < 0.0f ? e * share : share;",
        ),
    ),
    "mish": Formula(
        GATED,
        before=(
            EXP,
            "const float p = z < 0.0f ? e * (e + 2.0f) : 1.0f + 2.0f * e;",
            "const float q = z < 0.0f ? 2.0f : 2.0f * e * e;",
            "const float g = p / (p + q); /* tanh of softplus */",
        ),
    ),
    "hard_silu": Formula(
        GATED, before=("const float s = z + 3.0f;", f"const float g = {_within('s', '0.0f', '6.0f')} / 6.0f;")
    ),
}


def spelled(kernel: str) -> str:
    """A kernel's function: one word, so that no two names of networks make the same name of a function.

    >>> spelled("hard_tanh")
    'hardtanh'
    """
    return kernel.replace("_", "")


def _definition(kernel: str, formula: Formula) -> str:
    parameters = ", ".join(["float *a", *(f"float {setting}" for setting in formula.settings), "int n"])
    lines = "\n    ".join(["const float z = a[i];", *formula.before, f"a[i] = {formula.value};"])
    return f"""void @_{spelled(kernel)}({parameters}) {{
  for (int i = 0; i < n; ++i) {{
    {lines}
  }}
}}
"""


FUNCTIONS = {  # by the name that a step gives it
    "copy": """void @_copy(float *restrict y, const float *restrict x, int n) {
  for (int i = 0; i < n; ++i) y[i] = x[i];
}
""",
    "zero": """void @_zero(float *y, int n) {
  for (int i = 0; i < n; ++i) y[i] = 0.0f;
}
""",
    "product": """void @_product(float *restrict y, const float *restrict x, const float *restrict w, int in, int out) {
  for (int i = 0; i < in; ++i, w += out) { /* y += x w, row by row of w */
    for (int j = 0; j < out; ++j) y[j] += x[i] * w[j];
  }
}
""",
    "narrow": """void @_narrow(float *restrict y, const float *restrict x, const float *restrict w, int in, int out) {
  for (int i = 0; i < in; ++i, w += out) { /* product, for 4, 8 or 16 outputs: else gcc would vectorise over i */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC unroll 1
#endif
    for (int j = 0; j < out; ++j) y[j] += x[i] * w[j];
  }
}
""",
    "add": """void @_add(float *restrict a, const float *restrict b, int n) {
  for (int i = 0; i < n; ++i) a[i] += b[i];
}
""",
    "subtract": """void @_subtract(float *restrict a, const float *restrict b, int n) {
  for (int i = 0; i < n; ++i) a[i] -= b[i];
}
""",
    "multiply": """void @_multiply(float *restrict a, const float *restrict b, int n) {
  for (int i = 0; i < n; ++i) a[i] *= b[i];
}
""",
    "center": """void @_center(float *a, int n) { /* to mean 0 */
  float sum = 0.0f;
  for (int i = 0; i < n; ++i) sum += a[i];
  const float mean = sum / (float)n;
  for (int i = 0; i < n; ++i) a[i] -= mean;
}
""",
    "normalize": """void @_normalize(float *a, float epsilon, int n) { /* to mean square 1 */
  float sum = 0.0f;
  for (int i = 0; i < n; ++i) sum += a[i] * a[i];
  const float scale = 1.0f / sqrtf(sum / (float)n + epsilon);
  for (int i = 0; i < n; ++i) a[i] *= scale;
}
""",
    **{spelled(kernel): _definition(kernel, formula) for kernel, formula in FORMULAS.items()},
    "softmax": """void @_softmax(float *a, int n) {
  float top = a[0], sum = 0.0f;
  for (int i = 1; i < n; ++i) top = a[i] > top ? a[i] : top;
  for (int i = 0; i < n; ++i) sum += a[i] = expf(a[i] - top);
  for (int i = 0; i < n; ++i) a[i] /= sum;
}
""",
    "logsoftmax": """void @_logsoftmax(float *a, int n) {
  float top = a[0], sum = 0.0f;
  for (int i = 1; i < n; ++i) top = a[i] > top ? a[i] : top;
  for (int i = 0; i < n; ++i) sum += expf(a[i] - top);
  const float log_sum = logf(sum);
  for (int i = 0; i < n; ++i) a[i] = (a[i] - top) - log_sum;
}
""",
}
