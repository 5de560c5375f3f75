"""The values are PyRadiomics' own: called directly on the files, with the same settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import yaml
from radiomics.featureextractor import RadiomicsFeatureExtractor
from scipy.spatial.transform import Rotation

import tumor_response as tr
from tumor_response.features.radiomics.columns import columns_of
from tumor_response.features.radiomics.fast.engine import execute
from tumor_response.imaging import read_image, read_mask

PARAMETERS = """
imageType:
  Original: {}
  LoG: {sigma: [1.0, 2.0, 3.0, 4.0, 5.0]}
  Wavelet: {}
featureClass: {shape: , firstorder: , glcm: , glrlm: , glszm: , gldm: , ngtdm: }
setting: {binWidth: 25, resampledPixelSpacing: [1, 1, 1], interpolator: sitkBSpline}
"""


@pytest.mark.needs("data")
@pytest.mark.parametrize("case", ["lung1", "lung2"])
@pytest.mark.parametrize(
    ("engine", "rtol", "atol"), [("pyradiomics", 1e-12, 0), ("fast", 1e-6, 1e-9)]
)
def test_lung_cts_feature_by_feature(
    shared_data: Path, tmp_path: Path, case: str, engine: str, rtol: float, atol: float
) -> None:
    image = shared_data / "pyradiomics" / f"{case}_image.nrrd"
    mask = shared_data / "pyradiomics" / f"{case}_label.nrrd"
    frame = pd.DataFrame({"patient_id": [case], "image": [image], "mask": [mask]})
    radiomics = tr.Radiomics("head_neck_ct", engine=engine)
    table = tr.extract(tr.Cohort.from_frame(frame), [radiomics])
    assert table.failures.empty

    # the settings are written out once more here, so that a slip in the preset is seen
    (tmp_path / "params.yaml").write_text(PARAMETERS)
    direct = RadiomicsFeatureExtractor(str(tmp_path / "params.yaml")).execute(str(image), str(mask))
    direct = {k: float(v) for k, v in direct.items() if not k.startswith("diagnostics_")}
    ours = {
        column.key.replace("-0-mm", "-mm"): table.data[column.spec.column].iloc[0]
        for column in columns_of(radiomics.settings, "radiomics")
    }
    theirs = {k.replace("-0-mm", "-mm"): v for k, v in direct.items()}
    assert set(ours) == set(theirs)
    assert len(ours) == 1316
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, rtol=rtol, atol=atol, err_msg=name)


@pytest.mark.needs("data")
@pytest.mark.parametrize(("engine", "rtol"), [("pyradiomics", 1e-12), ("fast", 1e-6)])
def test_parameter_file_is_taken_unchanged(
    shared_data: Path, tmp_path: Path, engine: str, rtol: float
) -> None:
    """Another grid, bin count, resegmentation, normalisation, distances: all pass through."""
    path = tmp_path / "own.yaml"
    parameters = {
        "imageType": {"Original": {}, "Square": {}, "LoG": {"sigma": [2.5]}},
        "featureClass": {"firstorder": [], "glcm": ["Contrast", "Imc1"], "glszm": []},
        "setting": {
            "binCount": 32,
            "resampledPixelSpacing": [2, 2, 2],
            "normalize": True,
            "normalizeScale": 100,
            "resegmentRange": [-3, 3],
            "resegmentMode": "sigma",
            "distances": [1, 2],
            "label": 1,
        },
    }
    path.write_text(yaml.safe_dump(parameters))
    image = shared_data / "pyradiomics" / "lung2_image.nrrd"
    mask = shared_data / "pyradiomics" / "lung2_label.nrrd"
    frame = pd.DataFrame({"patient_id": ["a"], "image": [image], "mask": [mask]})
    row = tr.extract(tr.Cohort.from_frame(frame), [tr.Radiomics(path, engine=engine)]).data.iloc[0]
    direct = RadiomicsFeatureExtractor(str(path)).execute(str(image), str(mask))
    named = {
        "radiomics__original__firstorder_Mean": "original_firstorder_Mean",
        "radiomics__square__glcm_Contrast": "square_glcm_Contrast",
        "radiomics__log_sigma_2_5_mm__glcm_Imc1": "log-sigma-2-5-mm-3D_glcm_Imc1",
        "radiomics__log_sigma_2_5_mm__glszm_ZoneEntropy": "log-sigma-2-5-mm-3D_glszm_ZoneEntropy",
    }
    for ours, theirs in named.items():
        assert row[ours] == pytest.approx(float(direct[theirs]), rel=rtol)


@pytest.mark.needs("data")
def test_tilted_head_and_neck_ct_that_ends_on_a_plane_of_the_new_grid(shared_data: Path) -> None:
    """61 slices of 3 mm at 2 mm: on a tilted grid rounding decides what of that plane is inside."""
    folder = shared_data / "open_kbp" / "pt_202"
    grids = [read_image(folder / "CT.nii.gz"), read_mask(folder / "PTV70.nii.gz")]
    last = int(np.argwhere(sitk.GetArrayViewFromImage(grids[1])).max(axis=0)[0]) + 3
    tilt = Rotation.from_euler("xyz", [12, 4, -3], degrees=True).as_matrix().ravel().tolist()
    image, mask = (grid[:, :, last - 61 : last] for grid in grids)
    image = sitk.Cast(image, sitk.sitkFloat32)
    for grid in (image, mask):
        grid.SetSpacing((1.0, 1.0, 3.0))
        grid.SetDirection(tilt)
    parameters = tr.RadiomicsSettings(
        image_types={"Original": {}, "LoG": {"sigma": [3.0, 5.0]}},
        feature_classes={"firstorder": [], "glszm": []},
        setting={"resampledPixelSpacing": [2, 2, 2], "binWidth": 25},
    ).parameters()
    theirs = RadiomicsFeatureExtractor(parameters).execute(image, mask, label=1)
    ours = execute(image, mask, parameters)
    assert len(theirs) == 3 * (18 + 16)
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], float(value), rtol=1e-6, atol=1e-9, err_msg=name)
