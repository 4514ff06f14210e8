"""What the network of this package does."""

import torch

from a2ibench_frozen_method.method import FrozenMethodMethod
from a2ibench_frozen_method.network import DilatedCNN


def test_it_starts_from_the_interpolated_slice():
    image = torch.rand(2, 1, 20, 30)
    assert torch.equal(FrozenMethodMethod().build("tiny")(image), image)


def test_it_sees_exactly_as_far_as_its_reach():
    network = DilatedCNN(4)
    for parameter in network.parameters():
        torch.nn.init.constant_(parameter, 0.1)
    image = torch.ones(1, 1, 65, 65, requires_grad=True)
    network(image)[0, 0, 32, 32].backward()
    assert (image.grad[0, 0].nonzero() - 32).abs().max() == FrozenMethodMethod.reach


def test_it_learns_to_sharpen():
    torch.manual_seed(0)
    network = DilatedCNN(8)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    sharp = torch.rand(8, 1, 32, 32)
    blurred = torch.nn.functional.avg_pool2d(sharp, (3, 1), stride=1, padding=(1, 0))
    losses = []
    for _ in range(40):
        loss = (network(blurred) - sharp).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
