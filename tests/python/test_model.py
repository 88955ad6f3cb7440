# SPDX-License-Identifier: Apache-2.0
"""The model against a slow reference in NumPy, its initial weights, the loss and the learning rate."""
import math
import unittest

import artifacts  # noqa: F401  puts recipes/openlm on the path
import numpy as np
import torch

import loss
import model as models
import schedule

CONFIG = models.Config(vocab=37, dim=24, layers=2, heads=3, seq=10, multiple_of=16)


def weights(model):
    return {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}


def norm(x, gain):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * gain


def reference_rotate(x, position):
    """Pairs (i, i + width / 2) as complex numbers, turned by position / 10000^(2 i / width)."""
    half = len(x) // 2
    turned = (x[:half] + 1j * x[half:]) * np.exp(1j * position * 10000.0 ** (-2 * np.arange(half) / len(x)))
    return np.concatenate((turned.real, turned.imag))


def reference_forward(model, tokens):
    """Logits of one sequence, position by position and head by head, in float64."""
    w, config = weights(model), model.config
    width = config.dim // config.heads
    x = w["embed.weight"][tokens]
    for layer in range(config.layers):
        name = "blocks.%d." % layer
        y = norm(x, w[name + "attention_norm.weight"]) @ w[name + "attention.qkv.weight"].T
        q = norm(y[:, :config.dim], w[name + "attention.q_norm.weight"])
        k = norm(y[:, config.dim:2 * config.dim], w[name + "attention.k_norm.weight"])
        v = y[:, 2 * config.dim:]
        heads = np.zeros_like(x)
        for head in range(config.heads):
            part = slice(head * width, (head + 1) * width)
            for t in range(len(tokens)):
                query = reference_rotate(q[t, part], t)
                scores = np.array([query @ reference_rotate(k[s, part], s) for s in range(t + 1)]) / math.sqrt(width)
                attention = np.exp(scores - scores.max())
                heads[t, part] = attention / attention.sum() @ v[:t + 1, part]
        x = x + heads @ w[name + "attention.out.weight"].T
        y = norm(x, w[name + "feed_forward_norm.weight"]) @ w[name + "feed_forward.gate_up.weight"].T
        gate, up = y[:, :config.hidden], y[:, config.hidden:]
        x = x + (gate / (1 + np.exp(-gate)) * up) @ w[name + "feed_forward.down.weight"].T
    return norm(x, w["norm.weight"]) @ w["output.weight"].T


class ModelTest(unittest.TestCase):
    def setUp(self):
        self.model = models.init_weights(models.Decoder(CONFIG), 3)
        with torch.no_grad():  # gains other than 1, so that a forgotten one is seen
            for name, parameter in self.model.named_parameters():
                if parameter.dim() == 1:
                    parameter.uniform_(0.5, 1.5)
        self.tokens = np.array([5, 1, 36, 0, 7, 7, 20, 11])

    def test_logits_are_those_of_the_reference(self):
        logits = self.model(torch.from_numpy(self.tokens)[None])[0].detach().numpy()
        np.testing.assert_allclose(logits, reference_forward(self.model, self.tokens), atol=2e-5)

    def test_a_later_token_changes_nothing_before_it(self):
        other = self.tokens.copy()
        other[5] = 30
        first, second = (self.model(torch.from_numpy(tokens)[None])[0].detach() for tokens in (self.tokens, other))
        self.assertTrue(torch.equal(first[:5], second[:5]))
        self.assertFalse(torch.allclose(first[5:], second[5:]))

    def test_attention_without_sdpa_is_the_same(self):
        q, k, v = torch.randn(3, 2, 3, 6, 8)
        mask = torch.zeros(2, 1, 6, 6).masked_fill_(torch.ones(6, 6).triu(1).bool(), -math.inf)
        torch.testing.assert_close(models.causal_attention(q, k, v), models.causal_attention(q, k, v, mask))

    def test_hidden_widths_are_those_of_dclm(self):
        for dim, hidden in ((1024, 2816), (2048, 5632), (2560, 6912), (4096, 11008)):
            self.assertEqual(models.Config(50432, dim, 1, 8, 8).hidden, hidden)
        self.assertEqual(models.Config(1, 64, 1, 2, 8, multiple_of=64).hidden, 192)

    def test_parameters_are_counted(self):
        dim, hidden = CONFIG.dim, CONFIG.hidden
        layer = 4 * dim * dim + 3 * dim * hidden + 4 * dim
        total = 2 * CONFIG.vocab * dim + CONFIG.layers * layer + dim
        self.assertEqual(self.model.params_count(), (total, total - CONFIG.vocab * dim))

    def test_dclm_400m_has_its_published_size(self):
        config = models.Config(50432, 1024, 24, 8, 2048)
        layer = 4 * config.dim ** 2 + 3 * config.dim * config.hidden + 2 * config.dim  # without the gains of qk-norm
        self.assertEqual(2 * config.vocab * config.dim + config.layers * layer + config.dim, 411616256)

    def test_flops_are_those_of_the_products(self):
        counted = []

        def count(module, inputs, output):
            counted.append(2 * inputs[0].numel() // module.in_features * module.in_features * module.out_features)
        for module in self.model.modules():
            if isinstance(module, torch.nn.Linear):
                module.register_forward_hook(count)
        batch, seq = 3, 8
        self.model(torch.zeros(batch, seq, dtype=torch.long))
        attention = CONFIG.layers * batch * CONFIG.heads * 2 * (2 * seq * seq * (CONFIG.dim // CONFIG.heads))
        self.assertEqual(models.matmul_flops(CONFIG, batch, seq), 3 * (sum(counted) + attention))

    def test_shapes_that_do_not_fit_are_refused(self):
        for dim, heads in ((24, 5), (6, 2)):
            with self.assertRaises(ValueError):
                models.Decoder(models.Config(8, dim, 1, heads, 4))


class InitTest(unittest.TestCase):
    def test_weights_follow_from_the_seed(self):
        first, again, other = (weights(models.init_weights(models.Decoder(CONFIG), seed)) for seed in (1, 1, 2))
        for name in first:
            np.testing.assert_array_equal(first[name], again[name])
        self.assertFalse(np.array_equal(first["embed.weight"], other["embed.weight"]))

    def test_spread_and_cut_off(self):
        config = models.Config(vocab=3000, dim=64, layers=2, heads=2, seq=4)
        w = weights(models.init_weights(models.Decoder(config), 1))
        # A normal distribution cut at 3 sigma has 0.9866 of its standard deviation.
        expected = {"embed.weight": 1 / 8, "output.weight": 1 / 8, "blocks.0.attention.qkv.weight": 1 / 8,
                    "blocks.1.feed_forward.gate_up.weight": 1 / 8, "blocks.0.attention.out.weight": 1 / 8 / math.sqrt(2),
                    "blocks.1.attention.out.weight": 1 / 8 / 2,
                    "blocks.1.feed_forward.down.weight": 1 / math.sqrt(config.hidden) / 2}
        for name, sigma in expected.items():
            self.assertAlmostEqual(w[name].std() / sigma, 0.9866, delta=0.03, msg=name)
            self.assertLessEqual(abs(w[name]).max(), 3.0001 * sigma, msg=name)


class LossTest(unittest.TestCase):
    def test_value_and_gradient_are_those_of_autograd(self):
        logits, targets, z = torch.randn(7, 11, dtype=torch.float64) * 5, torch.arange(7), 0.01
        plain = logits.clone().requires_grad_()
        normaliser = plain.logsumexp(1)
        nats = torch.nn.functional.cross_entropy(plain, targets)
        expected = nats + z * normaliser.square().mean()
        (expected / 4).backward()
        leaf = logits.clone().requires_grad_()
        total, mean = loss.CrossEntropyZ.apply(leaf * 1, targets, z)
        (total / 4).backward()
        torch.testing.assert_close(total, expected)
        torch.testing.assert_close(mean, nats)
        torch.testing.assert_close(leaf.grad, plain.grad)


class ScheduleTest(unittest.TestCase):
    def test_warm_up_then_cosine(self):
        rates = [schedule.learning_rate(step, 110, 1.0, 0.1, 10) for step in range(110)]
        np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10)
        self.assertAlmostEqual(rates[10], 1.0)
        self.assertAlmostEqual(rates[60], 0.55)
        self.assertGreater(rates[109], 0.1)
        self.assertAlmostEqual(schedule.learning_rate(110, 110, 1.0, 0.1, 10), 0.1)
        self.assertEqual(rates[10:], sorted(rates[10:], reverse=True))

    def test_marks_end_with_the_last_step(self):
        self.assertEqual(schedule.marks(100, 10), list(range(10, 101, 10)))
        self.assertEqual(schedule.marks(3, 10), [1, 2, 3])
        self.assertEqual(schedule.marks(1, 10), [1])


if __name__ == "__main__":
    unittest.main()
