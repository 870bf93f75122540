"""Small models: of the form of the real ones, made in a moment, some of them with a purpose."""

from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn


class Threshold(nn.Module):
    """Finds what is brighter than the middle, as InstanSeg gives it: one label per quarter."""

    pixel_size: float
    cells_and_nuclei: bool

    def __init__(self) -> None:
        super().__init__()
        self.pixel_size = 0.5
        self.cells_and_nuclei = True

    def forward(self, x: Tensor, target_segmentation: Tensor = torch.tensor([1, 1])) -> Tensor:  # noqa: B008 - as InstanSeg does
        height, width = x.shape[-2], x.shape[-1]
        bottom = (torch.arange(height) >= height // 2).float()[:, None]
        right = (torch.arange(width) >= width // 2).float()
        level = 0.5 - 0.4 * target_segmentation[1].float()
        # numbers with gaps, as there are when objects are left out
        return (x[:, :1] > level).float() * (10 + 20 * bottom + 3 * right)


class Hills(nn.Module):
    """Flows uphill on the blurred image, as Cellpose gives flows."""

    n_channels: int

    def __init__(self) -> None:
        super().__init__()
        self.n_channels = 2
        offset = torch.arange(-15, 16).float()
        bell = torch.exp(-(offset**2) / 50)
        kernel = bell[:, None] * bell
        self.register_buffer("kernel", (kernel / kernel.sum())[None, None])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hills = torch.nn.functional.conv2d(x[:, :1], self.kernel, padding=15)
        slope = torch.stack(torch.gradient(hills[0, 0]))
        flow = 5 * slope / ((slope**2).sum(0, keepdim=True).sqrt() + 1e-6)
        probability = 20 * (x[:, 0] - 0.5)
        return torch.cat([flow, probability])[None], torch.zeros((1, 4))


def save_script(model: nn.Module, path: Path) -> None:
    """Save a model as TorchScript."""
    torch.jit.script(model.eval()).save(str(path))


class Residual(nn.Module):
    """The residual U-net of Cellpose, with few channels and random weights."""

    def __init__(self, widths: tuple[int, ...] = (2, 4, 8, 16)) -> None:
        super().__init__()
        self.diam_mean = nn.Parameter(torch.tensor([17.0]), requires_grad=False)
        self.downsample = nn.Module()
        self.downsample.down = nn.Sequential()
        self.upsample = nn.Module()
        self.upsample.up = nn.Sequential()
        style = widths[-1]
        for n, (before, after) in enumerate(pairwise(widths)):
            down = nn.Module()
            down.proj = projection(before, after)
            down.conv = nn.Sequential()
            for k in range(4):
                down.conv.add_module(f"conv_{k}", convolution(after if k else before, after))
            self.downsample.down.add_module(f"res_down_{n}", down)
        deeper = [*widths[1:], style]
        for n in range(len(widths) - 1):
            up = nn.Module()
            up.proj = projection(deeper[n + 1], deeper[n])
            up.conv = nn.Sequential()
            up.conv.add_module("conv_0", convolution(deeper[n + 1], deeper[n]))
            for k in (1, 2, 3):
                styled = nn.Module()
                styled.conv = convolution(deeper[n], deeper[n])
                styled.full = nn.Linear(style, deeper[n])
                up.conv.add_module(f"conv_{k}", styled)
            self.upsample.up.add_module(f"res_up_{n}", up)
        self.output = convolution(deeper[0], 3, size=1)
        for each in self.modules():
            if isinstance(each, nn.BatchNorm2d):
                each.running_mean.uniform_(-0.3, 0.3)
                each.running_var.uniform_(0.5, 2)

    def forward(self, x: Tensor) -> Tensor:
        levels = []
        for n, down in enumerate(self.downsample.down):
            x = nn.functional.max_pool2d(x, 2) if n else x
            x = down.proj(x) + down.conv[1](down.conv[0](x))
            x = x + down.conv[3](down.conv[2](x))
            levels.append(x)
        style = x.mean((2, 3))
        style = style / style.norm(dim=1, keepdim=True)

        def styled(part: nn.Module, y: Tensor) -> Tensor:
            return part.conv(y + part.full(style)[..., None, None])

        for n in reversed(range(len(levels))):
            up = self.upsample.up[n]
            x = x if n == len(levels) - 1 else nn.functional.interpolate(x, scale_factor=2)
            x = up.proj(x) + styled(up.conv[1], up.conv[0](x) + levels[n])
            x = x + styled(up.conv[3], styled(up.conv[2], x))
        return self.output(x)


def convolution(before: int, after: int, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(before), nn.ReLU(), nn.Conv2d(before, after, size, padding=size // 2)
    )


def projection(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(before), nn.Conv2d(before, after, 1))
