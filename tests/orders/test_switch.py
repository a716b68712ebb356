"""The files of the kill switch, without a feed around them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ferrofeed import _core
from ferrofeed.orders.api import Orders
from ferrofeed.orders.switch import SwitchFiles


def test_a_file_that_clears_and_cannot_be_removed_clears_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    orders = Orders(_core.OrderCore(), [])
    clear = tmp_path / "CLEAR"
    clear.write_text("anna\n")
    files = SwitchFiles(orders, None, clear)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "no", str(path))

    orders.kill("a test")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        for _ in range(3):
            files.look()
            assert orders.mode.killed == "a test", "it would be cleared again whenever it is thrown"
    assert sum("can't be removed" in record.getMessage() for record in caplog.records) == 1
    files.look()
    assert orders.mode.killed is None
    assert not clear.exists()
