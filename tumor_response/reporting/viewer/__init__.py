"""Attention maps over their CT, looked through slice by slice in a browser."""

from tumor_response.reporting.viewer.page import attention_viewer
from tumor_response.reporting.viewer.part import viewer_of
from tumor_response.reporting.viewer.settings import ViewerSettings

__all__ = ["ViewerSettings", "attention_viewer", "viewer_of"]
