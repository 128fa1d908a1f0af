"""Files are written whole or not at all; TOML is read with its lines."""

import pytest

from planesched import InputError
from planesched.files import Toml, check_target, replacing


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "out"
    path.write_text("old")
    with replacing(path) as file:
        file.write("new µ")
        assert path.read_text() == "old"
    assert path.read_text(encoding="utf-8") == "new µ"
    with replacing(path, "wb") as file:
        file.write(b"\xff")
    assert path.read_bytes() == b"\xff"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_half_written_is_left(tmp_path, error):
    path = tmp_path / "out"
    path.write_text("old")

    def write_half():
        with replacing(path) as file:
            file.write("half")
            file.flush()
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_a_target_is_checked_before(tmp_path):
    check_target(tmp_path / "out")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        check_target(tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder"):
        check_target(tmp_path / "no" / "out")


def test_toml(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text('a = 1\n[t]\n"b" = 2\n')
    file = Toml(path)
    assert file.table == {"a": 1, "t": {"b": 2}}
    assert [file.line("a"), file.line("b", "t"), file.line("c", "t"), file.line("c")] == [
        1,
        3,
        2,
        0,
    ]
    path.write_bytes(b"\xef\xbb\xbfa = 1\n")
    assert Toml(path).table == {"a": 1}
    path.write_text("x = 1\n[source]  # the first\n[[source]]\n")
    with pytest.raises(InputError, match=r"x\.toml:2: found \[source\], expected \[\[source\]\]"):
        Toml(path, arrays=["source"])


def test_no_toml(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("a = 1\nb = = 2\n")
    with pytest.raises(InputError, match=r"x\.toml:2: found no TOML \(.*\), expected a TOML file"):
        Toml(path)
    for text, found in (
        (f"a = {5000 * '1'}", "a whole number of thou"),
        ("a = " + 9**5 * "[", "lists or"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=rf"x\.toml: found {found}"):
            Toml(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"x\.toml: found bytes that are not UTF-8"):
        Toml(path)
