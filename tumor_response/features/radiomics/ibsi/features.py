"""The catalogue of IBSI-1's features: tag, code, name, family, aggregation, unit.

Codes, names and definitions: Zwanenburg, Leger, Vallieres, Löck, "Image biomarker standardisation
initiative reference manual", arXiv:1612.07003. Tags are those of IBSI's own tables of reference
values (https://github.com/theibsi/data_sets).
"""

from __future__ import annotations

from dataclasses import dataclass

from tumor_response.features.radiomics.ibsi.aggregation import (
    DIRECTIONAL_2D,
    DIRECTIONAL_3D,
    ROTATION_FREE_2D,
    ROTATION_FREE_3D,
    Aggregation,
)
from tumor_response.features.radiomics.ibsi.settings import IbsiSettings

__all__ = ["CATALOGUE", "NAMES", "IbsiFeature"]


@dataclass(frozen=True)
class IbsiFeature:
    """What a feature is.

    Parameters
    ----------
    tag
        Key of the value, for example ``"cm_joint_max_3D_avg"``.
    code
        IBSI's four-letter code of the feature, whatever its aggregation.
    name
        IBSI's name.
    family, family_code
        The family's name and code.
    unit
        Empty for pure numbers; ``image unit`` is HU in a CT.
    aggregation, aggregation_code
        For texture: how matrices of slices and directions were combined, in IBSI's words and as
        IBSI's code; empty elsewhere.

    Examples
    --------
    >>> from tumor_response.features.radiomics.ibsi.features import CATALOGUE
    >>> feature = CATALOGUE["cm_joint_max_3D_avg"]
    >>> feature.name, feature.code, feature.aggregation, feature.aggregation_code
    ('Joint maximum', 'GYBY', '3D, averaged', 'ITBB')
    """

    tag: str
    code: str
    name: str
    family: str
    family_code: str
    unit: str = ""
    aggregation: str = ""
    aggregation_code: str = ""


Rows = tuple[tuple[str, ...], ...]
"""(tag, code, name) or (tag, code, name, unit); texture tags without the aggregation."""

_IMAGE, _IMAGE_2 = "image unit", "image unit squared"

_MORPHOLOGY: Rows = (
    ("morph_volume", "RNU0", "Volume (mesh)", "mm3"),
    ("morph_vol_approx", "YEKZ", "Volume (voxel counting)", "mm3"),
    ("morph_area_mesh", "C0JK", "Surface area (mesh)", "mm2"),
    ("morph_av", "2PR5", "Surface to volume ratio", "1/mm"),
    ("morph_comp_1", "SKGS", "Compactness 1"),
    ("morph_comp_2", "BQWJ", "Compactness 2"),
    ("morph_sph_dispr", "KRCK", "Spherical disproportion"),
    ("morph_sphericity", "QCFX", "Sphericity"),
    ("morph_asphericity", "25C7", "Asphericity"),
    ("morph_com", "KLMA", "Centre of mass shift", "mm"),
    ("morph_diam", "L0JK", "Maximum 3D diameter", "mm"),
    ("morph_pca_maj_axis", "TDIC", "Major axis length", "mm"),
    ("morph_pca_min_axis", "P9VJ", "Minor axis length", "mm"),
    ("morph_pca_least_axis", "7J51", "Least axis length", "mm"),
    ("morph_pca_elongation", "Q3CK", "Elongation"),
    ("morph_pca_flatness", "N17B", "Flatness"),
    ("morph_vol_dens_aabb", "PBX1", "Volume density (AABB)"),
    ("morph_area_dens_aabb", "R59B", "Area density (AABB)"),
    ("morph_vol_dens_ombb", "ZH1A", "Volume density (OMBB)"),
    ("morph_area_dens_ombb", "IQYR", "Area density (OMBB)"),
    ("morph_vol_dens_aee", "6BDE", "Volume density (AEE)"),
    ("morph_area_dens_aee", "RDD2", "Area density (AEE)"),
    ("morph_vol_dens_mvee", "SWZ1", "Volume density (MVEE)"),
    ("morph_area_dens_mvee", "BRI8", "Area density (MVEE)"),
    ("morph_vol_dens_conv_hull", "R3ER", "Volume density (convex hull)"),
    ("morph_area_dens_conv_hull", "7T7F", "Area density (convex hull)"),
    ("morph_integ_int", "99N0", "Integrated intensity", "image unit mm3"),
    ("morph_moran_i", "N365", "Moran's I index"),
    ("morph_geary_c", "NPT7", "Geary's C measure"),
)

_LOCAL_INTENSITY: Rows = (
    ("loc_peak_loc", "VJGA", "Local intensity peak", _IMAGE),
    ("loc_peak_glob", "0F91", "Global intensity peak", _IMAGE),
)

_STATISTICS: Rows = (
    ("stat_mean", "Q4LE", "Mean", _IMAGE),
    ("stat_var", "ECT3", "Variance", _IMAGE_2),
    ("stat_skew", "KE2A", "Skewness"),
    ("stat_kurt", "IPH6", "(Excess) kurtosis"),
    ("stat_median", "Y12H", "Median", _IMAGE),
    ("stat_min", "1GSF", "Minimum", _IMAGE),
    ("stat_p10", "QG58", "10th percentile", _IMAGE),
    ("stat_p90", "8DWT", "90th percentile", _IMAGE),
    ("stat_max", "84IY", "Maximum", _IMAGE),
    ("stat_iqr", "SALO", "Interquartile range", _IMAGE),
    ("stat_range", "2OJQ", "Range", _IMAGE),
    ("stat_mad", "4FUA", "Mean absolute deviation", _IMAGE),
    ("stat_rmad", "1128", "Robust mean absolute deviation", _IMAGE),
    ("stat_medad", "N72L", "Median absolute deviation", _IMAGE),
    ("stat_cov", "7TET", "Coefficient of variation"),
    ("stat_qcod", "9S40", "Quartile coefficient of dispersion"),
    ("stat_energy", "N8CA", "Energy", _IMAGE_2),
    ("stat_rms", "5ZWQ", "Root mean square", _IMAGE),
)

_HISTOGRAM: Rows = (
    ("ih_mean", "X6K6", "Mean"),
    ("ih_var", "CH89", "Variance"),
    ("ih_skew", "88K1", "Skewness"),
    ("ih_kurt", "C3I7", "(Excess) kurtosis"),
    ("ih_median", "WIFQ", "Median"),
    ("ih_min", "1PR8", "Minimum"),
    ("ih_p10", "GPMT", "10th percentile"),
    ("ih_p90", "OZ0C", "90th percentile"),
    ("ih_max", "3NCY", "Maximum"),
    ("ih_mode", "AMMC", "Mode"),
    ("ih_iqr", "WR0O", "Interquartile range"),
    ("ih_range", "5Z3W", "Range"),
    ("ih_mad", "D2ZX", "Mean absolute deviation"),
    ("ih_rmad", "WRZB", "Robust mean absolute deviation"),
    ("ih_medad", "4RNL", "Median absolute deviation"),
    ("ih_cov", "CWYJ", "Coefficient of variation"),
    ("ih_qcod", "SLWD", "Quartile coefficient of dispersion"),
    ("ih_entropy", "TLU2", "Entropy"),
    ("ih_uniformity", "BJ5W", "Uniformity"),
    ("ih_max_grad", "12CE", "Maximum histogram gradient"),
    ("ih_max_grad_g", "8E6O", "Maximum histogram gradient intensity"),
    ("ih_min_grad", "VQB3", "Minimum histogram gradient"),
    ("ih_min_grad_g", "RHQZ", "Minimum histogram gradient intensity"),
)

_VOLUME_HISTOGRAM: Rows = (
    ("ivh_v10", "BC2M", "Volume fraction at 10% intensity"),
    ("ivh_v90", "BC2M", "Volume fraction at 90% intensity"),
    ("ivh_i10", "GBPN", "Intensity at 10% volume", _IMAGE),
    ("ivh_i90", "GBPN", "Intensity at 90% volume", _IMAGE),
    ("ivh_diff_v10_v90", "DDTU", "Volume fraction difference between 10% and 90% intensity"),
    ("ivh_diff_i10_i90", "CNV2", "Intensity difference between 10% and 90% volume", _IMAGE),
    ("ivh_auc", "9CMM", "Area under the IVH curve"),
)

_CO_OCCURRENCE: Rows = (
    ("cm_joint_max", "GYBY", "Joint maximum"),
    ("cm_joint_avg", "60VM", "Joint average"),
    ("cm_joint_var", "UR99", "Joint variance"),
    ("cm_joint_entr", "TU9B", "Joint entropy"),
    ("cm_diff_avg", "TF7R", "Difference average"),
    ("cm_diff_var", "D3YU", "Difference variance"),
    ("cm_diff_entr", "NTRS", "Difference entropy"),
    ("cm_sum_avg", "ZGXS", "Sum average"),
    ("cm_sum_var", "OEEB", "Sum variance"),
    ("cm_sum_entr", "P6QZ", "Sum entropy"),
    ("cm_energy", "8ZQL", "Angular second moment"),
    ("cm_contrast", "ACUI", "Contrast"),
    ("cm_dissimilarity", "8S9J", "Dissimilarity"),
    ("cm_inv_diff", "IB1Z", "Inverse difference"),
    ("cm_inv_diff_norm", "NDRX", "Normalised inverse difference"),
    ("cm_inv_diff_mom", "WF0Z", "Inverse difference moment"),
    ("cm_inv_diff_mom_norm", "1QCO", "Normalised inverse difference moment"),
    ("cm_inv_var", "E8JP", "Inverse variance"),
    ("cm_corr", "NI2N", "Correlation"),
    ("cm_auto_corr", "QWB0", "Autocorrelation"),
    ("cm_clust_tend", "DG8W", "Cluster tendency"),
    ("cm_clust_shade", "7NFM", "Cluster shade"),
    ("cm_clust_prom", "AE86", "Cluster prominence"),
    ("cm_info_corr1", "R8DG", "Information correlation 1"),
    ("cm_info_corr2", "JN9H", "Information correlation 2"),
)

_RUN_LENGTH: Rows = (
    ("rlm_sre", "22OV", "Short runs emphasis"),
    ("rlm_lre", "W4KF", "Long runs emphasis"),
    ("rlm_lgre", "V3SW", "Low grey level run emphasis"),
    ("rlm_hgre", "G3QZ", "High grey level run emphasis"),
    ("rlm_srlge", "HTZT", "Short run low grey level emphasis"),
    ("rlm_srhge", "GD3A", "Short run high grey level emphasis"),
    ("rlm_lrlge", "IVPO", "Long run low grey level emphasis"),
    ("rlm_lrhge", "3KUM", "Long run high grey level emphasis"),
    ("rlm_glnu", "R5YN", "Grey level non-uniformity"),
    ("rlm_glnu_norm", "OVBL", "Normalised grey level non-uniformity"),
    ("rlm_rlnu", "W92Y", "Run length non-uniformity"),
    ("rlm_rlnu_norm", "IC23", "Normalised run length non-uniformity"),
    ("rlm_r_perc", "9ZK5", "Run percentage"),
    ("rlm_gl_var", "8CE5", "Grey level variance"),
    ("rlm_rl_var", "SXLW", "Run length variance"),
    ("rlm_rl_entr", "HJ9O", "Run entropy"),
)

_SIZE_ZONE: Rows = (
    ("szm_sze", "5QRC", "Small zone emphasis"),
    ("szm_lze", "48P8", "Large zone emphasis"),
    ("szm_lgze", "XMSY", "Low grey level emphasis"),
    ("szm_hgze", "5GN9", "High grey level emphasis"),
    ("szm_szlge", "5RAI", "Small zone low grey level emphasis"),
    ("szm_szhge", "HW1V", "Small zone high grey level emphasis"),
    ("szm_lzlge", "YH51", "Large zone low grey level emphasis"),
    ("szm_lzhge", "J17V", "Large zone high grey level emphasis"),
    ("szm_glnu", "JNSA", "Grey level non-uniformity"),
    ("szm_glnu_norm", "Y1RO", "Normalised grey level non-uniformity"),
    ("szm_zsnu", "4JP3", "Zone size non-uniformity"),
    ("szm_zsnu_norm", "VB3A", "Normalised zone size non-uniformity"),
    ("szm_z_perc", "P30P", "Zone percentage"),
    ("szm_gl_var", "BYLV", "Grey level variance"),
    ("szm_zs_var", "3NSA", "Zone size variance"),
    ("szm_zs_entr", "GU8N", "Zone size entropy"),
)

_DISTANCE_ZONE: Rows = (
    ("dzm_sde", "0GBI", "Small distance emphasis"),
    ("dzm_lde", "MB4I", "Large distance emphasis"),
    ("dzm_lgze", "S1RA", "Low grey level emphasis"),
    ("dzm_hgze", "K26C", "High grey level emphasis"),
    ("dzm_sdlge", "RUVG", "Small distance low grey level emphasis"),
    ("dzm_sdhge", "DKNJ", "Small distance high grey level emphasis"),
    ("dzm_ldlge", "A7WM", "Large distance low grey level emphasis"),
    ("dzm_ldhge", "KLTH", "Large distance high grey level emphasis"),
    ("dzm_glnu", "VFT7", "Grey level non-uniformity"),
    ("dzm_glnu_norm", "7HP3", "Normalised grey level non-uniformity"),
    ("dzm_zdnu", "V294", "Zone distance non-uniformity"),
    ("dzm_zdnu_norm", "IATH", "Normalised zone distance non-uniformity"),
    ("dzm_z_perc", "VIWW", "Zone percentage"),
    ("dzm_gl_var", "QK93", "Grey level variance"),
    ("dzm_zd_var", "7WT1", "Zone distance variance"),
    ("dzm_zd_entr", "GBDU", "Zone distance entropy"),
)

_GREY_TONE_DIFFERENCE: Rows = (
    ("ngt_coarseness", "QCDE", "Coarseness"),
    ("ngt_contrast", "65HE", "Contrast"),
    ("ngt_busyness", "NQ30", "Busyness"),
    ("ngt_complexity", "HDEZ", "Complexity"),
    ("ngt_strength", "1X9X", "Strength"),
)

_NEIGHBOURING_DEPENDENCE: Rows = (
    ("ngl_lde", "SODN", "Low dependence emphasis"),
    ("ngl_hde", "IMOQ", "High dependence emphasis"),
    ("ngl_lgce", "TL9H", "Low grey level count emphasis"),
    ("ngl_hgce", "OAE7", "High grey level count emphasis"),
    ("ngl_ldlge", "EQ3F", "Low dependence low grey level emphasis"),
    ("ngl_ldhge", "JA6D", "Low dependence high grey level emphasis"),
    ("ngl_hdlge", "NBZI", "High dependence low grey level emphasis"),
    ("ngl_hdhge", "9QMG", "High dependence high grey level emphasis"),
    ("ngl_glnu", "FP8K", "Grey level non-uniformity"),
    ("ngl_glnu_norm", "5SPA", "Normalised grey level non-uniformity"),
    ("ngl_dcnu", "Z87G", "Dependence count non-uniformity"),
    ("ngl_dcnu_norm", "OKJI", "Normalised dependence count non-uniformity"),
    ("ngl_dc_perc", "6XV8", "Dependence count percentage"),
    ("ngl_gl_var", "1PFV", "Grey level variance"),
    ("ngl_dc_var", "DNX2", "Dependence count variance"),
    ("ngl_dc_entr", "FCBV", "Dependence count entropy"),
    ("ngl_dc_energy", "CAS9", "Dependence count energy"),
)

_DIRECTIONAL = (*DIRECTIONAL_2D, *DIRECTIONAL_3D)
_ROTATION_FREE = (*ROTATION_FREE_2D, *ROTATION_FREE_3D)

_FAMILIES: tuple[tuple[str, str, Rows, tuple[Aggregation, ...]], ...] = (
    ("Morphology", "HCUG", _MORPHOLOGY, ()),
    ("Local intensity", "9ST6", _LOCAL_INTENSITY, ()),
    ("Statistics", "UHIW", _STATISTICS, ()),
    ("Intensity histogram", "ZVCW", _HISTOGRAM, ()),
    ("Intensity volume histogram", "P88C", _VOLUME_HISTOGRAM, ()),
    ("Co-occurrence matrix", "LFYI", _CO_OCCURRENCE, _DIRECTIONAL),
    ("Run length matrix", "TP0I", _RUN_LENGTH, _DIRECTIONAL),
    ("Size zone matrix", "9SAK", _SIZE_ZONE, _ROTATION_FREE),
    ("Distance zone matrix", "VMDZ", _DISTANCE_ZONE, _ROTATION_FREE),
    (
        "Neighbourhood grey tone difference matrix",
        "IPET",
        _GREY_TONE_DIFFERENCE,
        _ROTATION_FREE,
    ),
    ("Neighbouring grey level dependence matrix", "REK0", _NEIGHBOURING_DEPENDENCE, _ROTATION_FREE),
)


def _catalogue() -> dict[str, IbsiFeature]:
    features = {}
    for family, family_code, rows, ways in _FAMILIES:
        # IBSI's tables run through all features of one aggregation before the next
        for way in ways or (None,):
            for stem, code, name, *unit in rows:
                tag = f"{stem}_{way.suffix}" if way else stem
                features[tag] = IbsiFeature(
                    tag=tag,
                    code=code,
                    name=name,
                    family=family,
                    family_code=family_code,
                    unit=unit[0] if unit else "",
                    aggregation=way.words if way else "",
                    aggregation_code=way.code if way else "",
                )
    return features


CATALOGUE: dict[str, IbsiFeature] = _catalogue()
"""Tag -> feature, in the order of IBSI's tables."""

NAMES: dict[str, str] = {feature.code: feature.name for feature in CATALOGUE.values()}
"""IBSI code -> IBSI's name."""


def tags_of(settings: IbsiSettings) -> list[str]:
    """Return the tags of the features that these settings give, whatever the image.

    Parameters
    ----------
    settings
        ``dimension="2d"`` gives texture as IBSI's 2D and 2.5D, ``"3d"`` as its 3D.

    Examples
    --------
    >>> from tumor_response.features.radiomics.ibsi.settings import ibsi_a, ibsi_c
    >>> len(tags_of(ibsi_a)), len(tags_of(ibsi_c))
    (351, 215)
    """
    ways = (
        (*DIRECTIONAL_2D, *ROTATION_FREE_2D)
        if settings.dimension == "2d"
        else (*DIRECTIONAL_3D, *ROTATION_FREE_3D)
    )
    known = {"", *(way.code for way in ways)}
    return [tag for tag, feature in CATALOGUE.items() if feature.aggregation_code in known]
