from data.errors import first_rows, nearest


def test_nearest_is_silent_when_nothing_is_alike() -> None:
    assert nearest("xyz", ["licence", "label"]) == ""
    assert nearest("lable", ["licence", "label"]) == "; did you mean 'label'?"


def test_first_rows_stops_at_five() -> None:
    assert first_rows([4]) == "row 4"
    assert first_rows([1, 2, 3, 4, 5]) == "rows 1, 2, 3, 4, 5"
    assert first_rows(list(range(1, 9))) == "rows 1, 2, 3, 4, 5 and 3 more"
