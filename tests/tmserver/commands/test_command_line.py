from tests.tmserver.commands.conftest import Tm


def test_help_shows_all_commands(tm: Tm) -> None:
    output = tm("--help").output
    for command in ("demo", "serve", "worker", "db", "user"):
        assert f"\n  {command} " in output


def test_an_unknown_command_is_named(tm: Tm) -> None:
    result = tm("sevre")
    assert result.exit_code == 2
    assert "sevre" in result.stderr


def test_verbose_shows_where_an_error_comes_from(tm: Tm) -> None:
    result = tm("-v", "user", "disable", "nobody")
    assert result.exception is not None
    assert type(result.exception).__name__ == "NotFound"
