"""All kernels that a served exchange calls are compiled before the first order."""

from exchange.view.columns.compile import CACHE as VIEW
from gateway import warm_up as module
from gateway.encoding.plain.compile import CACHE as PLAIN
from gateway.warm_up import is_compiled, warm_up


def test_after_a_warm_up_all_is_compiled_and_said_to_be():
    warm_up()
    assert is_compiled()


def test_all_is_compiled_only_if_each_part_is(monkeypatch, tmp_path):
    warm_up()
    for kept in (VIEW, PLAIN):
        with monkeypatch.context() as patched:
            patched.setattr(kept, "folder", tmp_path)
            assert not is_compiled()
    monkeypatch.setattr(module, "is_core_compiled", lambda: False)
    assert not is_compiled()
