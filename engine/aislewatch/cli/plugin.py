"""``aislewatch plugin``: for those who bring their own device."""

from __future__ import annotations

import typer

from aislewatch.cli.plugin_check import check_plugin
from aislewatch.cli.plugin_diagnose import diagnose_device
from aislewatch.cli.plugin_discover import discover_devices
from aislewatch.cli.plugin_list import list_plugins
from aislewatch.cli.plugin_new import new_plugin
from aislewatch.cli.plugin_probe import probe_device

app = typer.Typer(no_args_is_help=True)
app.command("new")(new_plugin)
app.command("list")(list_plugins)
app.command("discover")(discover_devices)
app.command("probe")(probe_device)
app.command("check")(check_plugin)
app.command("diagnose")(diagnose_device)
