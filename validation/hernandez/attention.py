r"""Causal attention of many short sequences, compiled: a sequence is a lane of a vector.

.. math::

    z_t = \sum_{j\le t} \frac{e^{s_{tj}}}{\sum_{i\le t} e^{s_{ti}}} v_j, \qquad s_{tj} = q_t\cdot k_j/\sqrt{C}.

PyTorch's attention multiplies small matrices, one sequence and head after another, the hidden half of each included.
Here sixteen sequences go through the same operations side by side, over visible pairs only: of q, k, v as
(C, T, sequences) all that is read or written is contiguous, and no vector is ever summed within. With
:math:`g=\partial\ell/\partial z` the backward pass is

.. math::

    \partial s_{tj} = p_{tj}\,(g_t\cdot v_j - g_t\cdot z_t), \quad
    \partial q_t = \sum_j \partial s_{tj} k_j/\sqrt C, \quad
    \partial k_j = \sum_t \partial s_{tj} q_t/\sqrt C, \quad \partial v_j = \sum_t p_{tj}\,g_t .
"""

import ctypes
import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from llvmlite import ir
from torch import Tensor

from minimodels.engine.machine import Code

LANES = 16
NEAR = 96  # coordinates whose k, v and their gradients stay in the fastest memory: a block of keys has NEAR/C of them
MOST = 64  # coordinates of a head: beyond, registers are far too few
F32, I32, I64, AT = ir.FloatType(), ir.IntType(32), ir.IntType(64), ir.PointerType()
VECTOR, BITS = ir.VectorType(F32, LANES), ir.VectorType(I32, LANES)
Many = Sequence[ir.Value]


def fits(qkv: Tensor, sequences: int) -> bool:
    """Whether `attend` takes this: single precision on the processor, whole vectors, heads that are not too wide."""
    return qkv.device.type == "cpu" and qkv.dtype == torch.float32 and not sequences % LANES and qkv.shape[3] <= MOST


def attend(qkv: Tensor) -> Tensor:
    """Attention of q, k, v, given as one array (S, 3, H, C, T, n): z of shape (S, H, C, T, n)."""
    return _Attention.apply(qkv.contiguous())


class _Attention(torch.autograd.Function):
    """Keeps the visible attention of every query, before it is divided by its sum, and one over that sum."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor) -> Tensor:
        S, _, H, C, T, n = qkv.shape
        z = qkv.new_empty(S, H, C, T, n)
        kept = qkv.new_empty(S * H * n // LANES, T * (T + 3) // 2, LANES)
        for block, place in enumerate(_places(qkv.shape)):
            q, k, v = (qkv.data_ptr() + each for each in place[:3])
            weights = kept[block].data_ptr()
            _code(C)[0](q, k, v, z.data_ptr() + place[3], weights, weights + 4 * LANES * (T * (T + 1) // 2), T, n)
        ctx.save_for_backward(qkv, z, kept)
        return z

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: Tensor) -> Tensor:
        qkv, z, kept = ctx.saved_tensors
        g = g.contiguous()
        C, T, n = qkv.shape[3:]
        out = torch.zeros_like(qkv)
        near = qkv.new_empty(4 * C * T * LANES)
        for block, place in enumerate(_places(qkv.shape)):
            weights = kept[block].data_ptr()
            _code(C)[1](
                *(qkv.data_ptr() + each for each in place[:3]), z.data_ptr() + place[3],
                weights, weights + 4 * LANES * (T * (T + 1) // 2), g.data_ptr() + place[3],
                *(out.data_ptr() + each for each in place[:3]), near.data_ptr(), T, n,
            )  # fmt: skip
        return out


@cache
def _places(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Where q, k, v and z begin, in bytes, of every seed, head and vector of sequences."""
    S, _, H, C, T, n = shape
    head = 4 * C * T * n
    return [
        (*(head * ((3 * s + i) * H + h) + 4 * lane for i in range(3)), head * (s * H + h) + 4 * lane)
        for s in range(S) for h in range(H) for lane in range(0, n, LANES)
    ]  # fmt: skip


@cache
def _code(C: int) -> tuple[Callable[..., None], Callable[..., None]]:
    """Forward and backward pass of heads of C coordinates."""
    module = ir.Module("attention")
    _forward(module, C)
    _backward(module, C)
    code = Code(str(module), f"attention of {C} coordinates")
    functions = []
    for name, arrays in (("forward", 6), ("backward", 11)):
        kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * arrays, ctypes.c_int64, ctypes.c_int64)
        functions.append(kind(code.address(name)))
        functions[-1].code = code  # type: ignore[attr-defined]
    return functions[0], functions[1]


class _Pass:
    """A function of `arrays` and then T and n, and what is written in it with vectors."""

    def __init__(self, module: ir.Module, name: str, arrays: int) -> None:
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [AT] * arrays + [I64] * 2), name)
        *self.arrays, self.T, self.n = function.args
        self.b = ir.IRBuilder(function.append_basic_block())
        self._fma = module.globals.get("llvm.fma.v16f32") or ir.Function(
            module, ir.FunctionType(VECTOR, [VECTOR] * 3), "llvm.fma.v16f32"
        )

    def fma(self, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
        """Return x*y + z."""
        return self.b.call(self._fma, [x, y, z])

    def at(self, array: ir.Value, index: ir.Value) -> ir.Value:
        """Return the address of a number."""
        return self.b.gep(array, [index], source_etype=F32)

    def load(self, array: ir.Value, index: ir.Value) -> ir.Value:
        """Return the vector that begins at an index."""
        return self.b.load(self.at(array, index), typ=VECTOR, align=4)

    def store(self, vector: ir.Value, array: ir.Value, index: ir.Value) -> None:
        """Write a vector."""
        self.b.store(vector, self.at(array, index), align=4)

    def place(self, c: int, t: ir.Value) -> ir.Value:
        """Return the index of coordinate c of token t."""
        return self.b.mul(self.b.add(self.b.mul(whole(c), self.T), t), self.n)

    def row(self, t: ir.Value) -> ir.Value:
        """Return where the visible pairs of token t begin: after t(t + 1)/2 others."""
        return self.b.mul(self.b.lshr(self.b.mul(t, self.b.add(t, whole(1))), whole(1)), whole(LANES))

    def lane(self, i: ir.Value) -> ir.Value:
        """Return the index of vector i."""
        return self.b.mul(i, whole(LANES))

    def least(self, x: ir.Value, y: ir.Value) -> ir.Value:
        """Return the smaller of two whole numbers."""
        return self.b.select(self.b.icmp_signed("<", x, y), x, y)

    def most(self, x: ir.Value, y: ir.Value) -> ir.Value:
        """Return the larger of two vectors; y where x is nan."""
        return self.b.select(self.b.fcmp_ordered(">", x, y), x, y)

    def loop(
        self, start: ir.Value, stop: ir.Value, body: Callable[..., Many | None], carried: Many = ()
    ) -> list[ir.Value]:
        """Write a loop of at least one round; `body(i, *carried)` returns what the next round carries."""
        b = self.b
        before, inside, after = b.block, b.append_basic_block(), b.append_basic_block()
        b.branch(inside)
        b.position_at_end(inside)
        i, held = b.phi(I64), [b.phi(each.type) for each in carried]
        out = list(body(i, *held) or ())
        following = b.add(i, whole(1))
        for phi, first, later in zip([i, *held], [start, *carried], [following, *out], strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(later, b.block)
        b.cbranch(b.icmp_signed("<", following, stop), inside, after)
        b.position_at_end(after)
        return out

    def decay(self, x: ir.Value) -> ir.Value:
        """Return e**x of x <= 0, to two units in the last place; e**-87 below -87; nan for nan."""
        b = self.b
        x = b.select(b.fcmp_ordered("<", x, vector(-87.0)), vector(-87.0), x)
        shifted = self.fma(x, vector(math.log2(math.e)), vector(1.5 * 2**23))  # low bits: those of the whole number
        k = b.fsub(shifted, vector(1.5 * 2**23))
        r = self.fma(k, vector(-0.693359375), x)
        r = self.fma(k, vector(0.693359375 - math.log(2)), r)
        p = vector(1.9875691500e-4)  # (e**r - 1 - r)/r**2 on abs(r) < log(2)/2, minimax (Cephes, expf)
        for c in (1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1):
            p = self.fma(p, r, vector(c))
        p = self.fma(p, b.fmul(r, r), b.fadd(r, vector(1.0)))
        bits = b.shl(b.bitcast(shifted, BITS), ir.Constant(BITS, [23] * LANES))
        return b.fmul(p, b.bitcast(b.add(bits, ir.Constant(BITS, [127 << 23] * LANES)), VECTOR))


def vector(x: float) -> ir.Constant:
    """Return a number in all lanes."""
    return ir.Constant(VECTOR, [torch.tensor(x).item()] * LANES)


def whole(i: int) -> ir.Constant:
    """Return a whole number."""
    return ir.Constant(I64, i)


def _forward(module: ir.Module, C: int) -> None:
    """Write z, unnormalised attention P, and one over its sum Z of q, k, v."""
    f = _Pass(module, "forward", 6)
    b, (q, k, v, z, P, Z) = f.b, f.arrays

    def scores(t: ir.Value) -> None:
        row, visible = f.row(t), b.add(t, whole(1))
        Q = [b.fmul(f.load(q, f.place(c, t)), vector(C**-0.5)) for c in range(C)]

        def score(j: ir.Value, top: ir.Value) -> Many:
            s = b.fmul(Q[0], f.load(k, f.place(0, j)))
            for c in range(1, C):
                s = f.fma(Q[c], f.load(k, f.place(c, j)), s)
            f.store(s, P, b.add(row, f.lane(j)))
            return [f.most(top, s)]

        (top,) = f.loop(whole(0), visible, score, [vector(-math.inf)])
        f.store(top, Z, f.lane(t))

    def outputs(t: ir.Value) -> None:
        row, top, visible = f.row(t), f.load(Z, f.lane(t)), b.add(t, whole(1))

        def output(j: ir.Value, total: ir.Value, *sums: ir.Value) -> Many:
            here = b.add(row, f.lane(j))
            p = f.decay(b.fsub(f.load(P, here), top))
            f.store(p, P, here)
            return [b.fadd(total, p), *(f.fma(p, f.load(v, f.place(c, j)), each) for c, each in enumerate(sums))]

        total, *sums = f.loop(whole(0), visible, output, [vector(0.0)] * (C + 1))
        inverse = b.fdiv(vector(1.0), total)
        f.store(inverse, Z, f.lane(t))
        for c, each in enumerate(sums):
            f.store(b.fmul(each, inverse), z, f.place(c, t))

    f.loop(whole(0), f.T, scores)
    f.loop(whole(0), f.T, outputs)
    b.ret_void()


def _backward(module: ir.Module, C: int) -> None:
    """Write the gradients of q (added to what is there), k and v; `near` holds k, v and their gradients together."""
    f = _Pass(module, "backward", 11)
    b, (q, k, v, z, P, Z, g, dq, dk, dv, near) = f.b, f.arrays

    def together(j: ir.Value, c: int, which: int) -> ir.Value:
        """Return the index of k, v, dk or dv of a key in `near`; apart, they would fall on each other in the cache."""
        return f.lane(b.add(b.mul(j, whole(4 * C)), whole(4 * c + which)))

    def gather(j: ir.Value) -> None:
        for c in range(C):
            for which, from_there in enumerate((f.load(k, f.place(c, j)), f.load(v, f.place(c, j)))):
                f.store(from_there, near, together(j, c, which))
                f.store(vector(0.0), near, together(j, c, which + 2))

    def scatter(j: ir.Value) -> None:
        for c in range(C):
            for which, there in ((2, dk), (3, dv)):
                f.store(f.load(near, together(j, c, which)), there, f.place(c, j))

    def keys(block: ir.Value) -> None:
        first = b.mul(block, whole(size))
        beyond = f.least(b.add(first, whole(size)), f.T)

        def query(t: ir.Value) -> None:
            row, inverse, here = f.row(t), f.load(Z, f.lane(t)), [f.place(c, t) for c in range(C)]
            G = [b.fmul(f.load(g, each), inverse) for each in here]
            less = vector(0.0)
            for c in range(C):
                less = f.fma(b.fneg(G[c]), f.load(z, here[c]), less)
            Q = [b.fmul(f.load(q, each), vector(C**-0.5)) for each in here]

            def pair(j: ir.Value, *dQ: ir.Value) -> Many:
                p, ds = f.load(P, b.add(row, f.lane(j))), less
                for c in range(C):
                    ds = f.fma(G[c], f.load(near, together(j, c, 1)), ds)
                    there = together(j, c, 3)
                    f.store(f.fma(p, G[c], f.load(near, there)), near, there)
                ds = b.fmul(ds, p)
                for c in range(C):
                    there = together(j, c, 2)
                    f.store(f.fma(ds, Q[c], f.load(near, there)), near, there)
                return [f.fma(ds, f.load(near, together(j, c, 0)), dQ[c]) for c in range(C)]

            sums = f.loop(first, f.least(beyond, b.add(t, whole(1))), pair, [vector(0.0)] * C)
            for c, each in enumerate(sums):
                f.store(f.fma(each, vector(C**-0.5), f.load(dq, here[c])), dq, here[c])

        f.loop(first, f.T, query)

    size = max(1, NEAR // C)
    f.loop(whole(0), f.T, gather)
    f.loop(whole(0), b.udiv(b.add(f.T, whole(size - 1)), whole(size)), keys)
    f.loop(whole(0), f.T, scatter)
    b.ret_void()
