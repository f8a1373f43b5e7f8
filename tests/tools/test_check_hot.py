"""The check of hot functions finds a call of Python where there is one."""

from tools import check_hot

CLEAN = """
static int __pyx_f_12worldmarkets_4core_4book_4Book_append(struct Book *self, PY_LONG_LONG row) {
  if (row < 0) { __Pyx_RaiseBufferIndexError(0); PyErr_SetString(PyExc_OverflowError, "value too large"); }
  return 0;
}
"""
CALLS = """
static int __pyx_f_12worldmarkets_4core_4book_4Book_append(struct Book *self, PyObject *row) {
  PyObject *sum = PyNumber_Add(row, row);
  return 0;
}
"""


def test_a_function_of_integers_is_clean():
    assert list(check_hot.find_calls(CLEAN)) == []


def test_a_call_of_python_is_named(tmp_path, capsys):
    assert list(check_hot.find_calls(CALLS)) == [("Book.append", ["PyNumber_Add"])]
    (tmp_path / "book.c").write_text(CALLS)
    assert check_hot.main(tmp_path) == 1
    assert "Book.append calls PyNumber_Add" in capsys.readouterr().out


def test_nothing_built_is_no_success(tmp_path):
    assert check_hot.main(tmp_path) == 1


def test_names_are_read_from_what_the_compiler_writes():
    assert check_hot.read_name("9contracts_4perp_5Perps_fill") == "Perps.fill"
    assert check_hot.read_name("8interest_compute_hours") == "compute_hours"
