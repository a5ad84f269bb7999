"""The head by a reordered weight: bit by bit what the head gives by the weight as it is."""

import pytest
import torch

from sparton.head import splade_head
from sparton.head.torch_reordered import reorder, reordered_head
from sparton.pipeline.model.precision import cpu_has_bfloat16

pytestmark = pytest.mark.skipif(not cpu_has_bfloat16(), reason="needs a CPU with AVX512-BF16 or AMX")


def inputs(length, size, vocabulary):
    generator = torch.Generator().manual_seed(length)
    shapes = (1, length, size), (vocabulary, size), (vocabulary,)
    return [torch.randn(shape, generator=generator).bfloat16() for shape in shapes]


@pytest.mark.parametrize("length", [1, 5, 16, 64])
@pytest.mark.parametrize(("size", "vocabulary"), [(128, 30_522), (48, 1_301), (7, 30)])
def test_weights_are_the_heads(length, size, vocabulary):
    hidden, weight, bias = inputs(length, size, vocabulary)
    reordered = reorder(weight, inputs(3, size, vocabulary)[0][0])
    for added in (None, bias):
        expected = splade_head(hidden, weight, added, impl="torch")
        found = reordered_head(hidden, reordered, added)
        assert found.dtype == torch.float32
        assert torch.equal(found, expected)


def test_a_weight_of_another_type_is_not_reordered():
    hidden, weight, _ = inputs(3, 16, 40)
    assert reorder(weight.float(), hidden[0].float()) is None
