# SPDX-License-Identifier: Apache-2.0
"""A decoder-only language model in the style of OpenLM, the model family of DataComp-LM (arXiv 2406.11794).

Pre-norm blocks; LayerNorm with a gain and no bias (eps 1e-5); queries and keys normalised over the full width before heads are
split; rotary positions (rotate-half, base 10,000); SwiGLU; no biases; untied input and output embeddings. Weights start as a
normal distribution cut off at 3 sigma: sigma = 1/sqrt(dim) for embedding, output, query-key-value and gate-up matrices, and
1/sqrt(fan_in) / sqrt(2 (layer + 1)) for the two matrices that write to the residual stream.

Shapes: B sequences, T tokens each, D = dim, H heads of width D/H, V = vocab. Runs on PyTorch 1.13 and 2.x.
"""
import dataclasses
import math

import torch
from torch import nn
from torch.nn import functional as F

EPS = 1e-5
ROTARY_BASE = 10000.0
CUTOFF_SIGMAS = 3.0


@dataclasses.dataclass(frozen=True)
class Config:
    """What fixes the model's shape. `seq` is only the longest sequence for which rotary tables are kept ready."""

    vocab: int
    dim: int
    layers: int
    heads: int
    seq: int
    multiple_of: int = 256
    qk_norm: bool = True

    @property
    def hidden(self):
        """SwiGLU width: two thirds of 4 dim, rounded up to `multiple_of` (256 in OpenLM; less lets tiny models stay tiny)."""
        return self.multiple_of * math.ceil((8 * self.dim // 3) / self.multiple_of)

    def check(self):
        if self.dim % self.heads or (self.dim // self.heads) % 2:
            raise ValueError("dim %d does not split into %d heads of even width" % (self.dim, self.heads))
        return self


class Norm(nn.Module):
    """LayerNorm with a gain and no bias."""

    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, None, EPS)


def rotary_tables(seq, width, device=None):
    """cos and sin of position x frequency, (T, width/2) each, in float32."""
    frequencies = ROTARY_BASE ** (-torch.arange(0, width, 2, dtype=torch.float64, device=device) / width)
    angles = torch.outer(torch.arange(seq, dtype=torch.float64, device=device), frequencies)
    return angles.cos().float(), angles.sin().float()


def rotate(x, cos, sin):
    """Rotary embedding, rotate-half: element i turns with element i + width/2. x: (B, H, T, width)."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def causal_attention(q, k, v, mask=None):
    """softmax(q k' / sqrt(width) + mask) v; q, k, v: (B, H, T, width). Without a mask: causal."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
    length, width = q.shape[-2:]
    if mask is None:
        mask = torch.full((length, length), -math.inf, dtype=q.dtype, device=q.device).triu_(1)
    scores = torch.matmul(q / math.sqrt(width), k.transpose(-2, -1)) + mask
    return torch.matmul(scores.softmax(dim=-1), v)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.dim, 3 * config.dim, bias=False)
        self.q_norm = Norm(config.dim) if config.qk_norm else nn.Identity()
        self.k_norm = Norm(config.dim) if config.qk_norm else nn.Identity()
        self.out = nn.Linear(config.dim, config.dim, bias=False)

    def forward(self, x, cos, sin, mask):
        batch, length, dim = x.shape
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        q, k, v = (y.view(batch, length, self.heads, -1).transpose(1, 2) for y in (self.q_norm(q), self.k_norm(k), v))
        y = causal_attention(rotate(q, cos, sin), rotate(k, cos, sin), v, mask)
        return self.out(y.transpose(1, 2).reshape(batch, length, dim))


class FeedForward(nn.Module):
    """SwiGLU: down(silu(gate x) * up x)."""

    def __init__(self, config):
        super().__init__()
        self.gate_up = nn.Linear(config.dim, 2 * config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, config.dim, bias=False)

    def forward(self, x):
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attention_norm = Norm(config.dim)
        self.attention = Attention(config)
        self.feed_forward_norm = Norm(config.dim)
        self.feed_forward = FeedForward(config)

    def forward(self, x, cos, sin, mask):
        x = x + self.attention(self.attention_norm(x), cos, sin, mask)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Decoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config.check()
        self.embed = nn.Embedding(config.vocab, config.dim)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = Norm(config.dim)
        self.output = nn.Linear(config.dim, config.vocab, bias=False)
        cos, sin = rotary_tables(config.seq, config.dim // config.heads)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def features(self, tokens, positions=None, mask=None):
        """Token ids (B, T) -> normalised last hidden states (B, T, D), for callers that need logits at some positions only.

        Without more, positions are 0..T-1 and attention is causal. Else positions (B, T) turn the rotary embedding and
        mask (B, 1, T, T) is added to the scores of attention (0 or -inf).
        """
        x = self.embed(tokens)
        if positions is None:
            cos, sin = self.cos[:tokens.shape[1]], self.sin[:tokens.shape[1]]
        else:
            cos, sin = self.cos[positions][:, None], self.sin[positions][:, None]
        for block in self.blocks:
            x = block(x, cos, sin, mask)
        return self.norm(x)

    def forward(self, tokens):
        """Token ids (B, T) -> logits (B, T, V): position t predicts token t + 1."""
        return self.output(self.features(tokens))

    def params_count(self):
        """(all parameters, all but the input embedding)."""
        total = sum(p.numel() for p in self.parameters())
        return total, total - self.embed.weight.numel()


def cut_off_normal_(weight, sigma, generator):
    """Normal with mean 0, redrawn inside +-3 sigma by inverting its distribution function."""
    edge = math.erf(CUTOFF_SIGMAS / math.sqrt(2))
    with torch.no_grad():
        uniform = torch.rand(weight.shape, generator=generator, dtype=torch.float64) * 2 - 1
        weight.copy_(torch.erfinv(uniform * edge) * (sigma * math.sqrt(2)))


def init_weights(model, seed):
    """Initial weights from `seed` alone: drawn on the processor, in the order written here."""
    generator = torch.Generator().manual_seed(seed)
    sigma = 1 / math.sqrt(model.config.dim)
    cut_off_normal_(model.embed.weight, sigma, generator)
    for index, block in enumerate(model.blocks):
        residual = 1 / math.sqrt(2 * (index + 1))
        cut_off_normal_(block.attention.qkv.weight, sigma, generator)
        cut_off_normal_(block.attention.out.weight, sigma * residual, generator)
        cut_off_normal_(block.feed_forward.gate_up.weight, sigma, generator)
        cut_off_normal_(block.feed_forward.down.weight, residual / math.sqrt(model.config.hidden), generator)
    cut_off_normal_(model.output.weight, sigma, generator)
    return model


def matmul_flops(config, batch, seq):
    """Floating point operations of the matrix products of one training step (forward and backward) that are executed:
    all linear layers, and attention over the full square of positions. A multiply and an add are two."""
    dim, tokens = config.dim, batch * seq
    linear = config.layers * (4 * dim * dim + 3 * dim * config.hidden) + dim * config.vocab
    attention = config.layers * 2 * seq * dim
    return 6 * tokens * (linear + attention)
