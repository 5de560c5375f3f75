"""Which columns differ between the groups, and what they say beyond volume and age."""

from tumor_response.explanation.differences.beyond import (
    BeyondVolumeAndAge,
    beyond_volume_and_age,
)
from tumor_response.explanation.differences.comparing import group_differences
from tumor_response.explanation.differences.result import GroupDifferences

__all__ = [
    "BeyondVolumeAndAge",
    "GroupDifferences",
    "beyond_volume_and_age",
    "group_differences",
]
