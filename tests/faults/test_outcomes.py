"""The page shows what was measured, and nothing else."""

import pytest

from tests.faults.outcomes import BEGIN, END, PAGE, RESULTS, Book, table, written

ONE = {
    "sent": 1200, "failed": 3, "client_failed": 0, "lost": 0, "back_s": 2.5,
    "day": "2026-11-27", "machine": "2 cores, Linux", "load": 3.2,
}  # fmt: skip


def test_the_page_has_the_table_of_what_was_measured():
    page = PAGE.read_text()
    assert page == written(page, Book(RESULTS).read())


def test_each_fault_has_a_line_in_the_order_in_which_it_is_given():
    lines = table(
        {"a gateway dies": ONE, "control dies": {**ONE, "back_s": None, "load": 4.0}}
    ).splitlines()
    assert lines[2] == "| a gateway dies | 1,200 | 3 | 0 | 0 | 2.5 s |"
    assert lines[3] == "| control dies | 1,200 | 3 | 0 | 0 | at once |"
    assert lines[-1] == (
        "Measured 2026-11-27 on 2 cores, Linux, with a load average of 3 to 4 "
        "from this and other work."
    )


@pytest.mark.parametrize(
    "page", [f"above\n{BEGIN}\nold\n{END}\nbelow\n", f"above\n{BEGIN}{END}\nbelow\n"]
)
def test_only_the_table_is_replaced(page):
    made = written(page, {"control dies": ONE})
    assert made.startswith(f"above\n{BEGIN}\n")
    assert made.endswith(f"{END}\nbelow\n")
    assert "old" not in made
    assert written(made, {"control dies": ONE}) == made


def test_the_last_outcome_of_a_fault_stands(tmp_path):
    class Load:
        client_sent, client_failed = 10, ["x"]

        class report:  # noqa: N801
            sent, failed = 90, 2

    book = Book(tmp_path / "results" / "faults.json")
    book.add("control dies", Load, lost=1, back_s=8.0)
    book.add("control dies", Load, lost=0, back_s=7.04)
    (one,) = book.read().values()
    assert (one["sent"], one["failed"], one["client_failed"]) == (100, 2, 1)
    assert (one["lost"], one["back_s"]) == (0, 7.0)
