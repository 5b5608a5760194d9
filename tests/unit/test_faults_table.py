"""The table of faults: what a test notes comes out of its report, whole."""

from types import SimpleNamespace

from tests.support.fault_report import COLUMNS, Faults, rows, table


def test_what_a_test_notes_stands_in_the_table() -> None:
    node = SimpleNamespace(user_properties=[("other", "thing")])
    fault = Faults(node).begin("a replica killed", "a file")  # type: ignore[arg-type]
    assert rows([node]) == []
    fault.over()
    fault.tell("nothing", "10 of 10")
    (row,) = rows([node, SimpleNamespace(user_properties=[])])
    assert row[:4] == ["a replica killed", "a file", "nothing", "10 of 10"] and float(row[4]) >= 0
    head, line = table([row])
    assert head.split("  ")[0] == COLUMNS[0] and line.startswith("a replica killed  a file")
    assert [head.index(name) for name in COLUMNS[1:3]] == [line.index("a file"), line.index("nothing")]
