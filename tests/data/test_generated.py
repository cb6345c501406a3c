from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from data.generated import factual, syntactic
from data.sources import GENERATORS

WORDS = Path(syntactic.__file__).parent / "words"
OLD = ("subject_number", "part_of_speech", "country_continent", "capital_truth")
FRAMES = {name: GENERATORS[name]() for name in OLD}
EVERY = pytest.mark.parametrize("name", OLD)

# A second opinion on the table of countries: capitals of the same states in the countryInfo table of GeoNames
# (geonames.org, CC BY 4.0, state of 2020), by continent.
GEONAMES = {
    "Africa": """AGO Luanda; BFA Ouagadougou; BDI Gitega; BEN Porto-Novo; BWA Gaborone; COD Kinshasa; CAF Bangui;
    COG Brazzaville; CIV Yamoussoukro; CMR Yaounde; CPV Praia; DJI Djibouti; DZA Algiers; EGY Cairo; ERI Asmara;
    ETH Addis Ababa; GAB Libreville; GHA Accra; GMB Banjul; GIN Conakry; GNQ Malabo; GNB Bissau; KEN Nairobi;
    COM Moroni; LBR Monrovia; LSO Maseru; LBY Tripoli; MAR Rabat; MDG Antananarivo; MLI Bamako; MRT Nouakchott;
    MUS Port Louis; MWI Lilongwe; MOZ Maputo; NAM Windhoek; NER Niamey; NGA Abuja; RWA Kigali; SYC Victoria;
    SDN Khartoum; SSD Juba; SLE Freetown; SEN Dakar; SOM Mogadishu; STP Sao Tome; SWZ Mbabane; TCD N'Djamena;
    TGO Lome; TUN Tunis; TZA Dodoma; UGA Kampala; ZAF Pretoria; ZMB Lusaka; ZWE Harare""",
    "Americas": """ATG St. John's; ARG Buenos Aires; BRB Bridgetown; BOL Sucre; BRA Brasilia; BHS Nassau;
    BLZ Belmopan; CAN Ottawa; CHL Santiago; COL Bogota; CRI San Jose; CUB Havana; DMA Roseau; DOM Santo Domingo;
    ECU Quito; GRD St. George's; GTM Guatemala City; GUY Georgetown; HND Tegucigalpa; HTI Port-au-Prince;
    JAM Kingston; KNA Basseterre; LCA Castries; MEX Mexico City; NIC Managua; PAN Panama City; PER Lima;
    PRY Asuncion; SUR Paramaribo; SLV San Salvador; TTO Port of Spain; USA Washington; URY Montevideo;
    VCT Kingstown; VEN Caracas""",
    "Asia": """ARE Abu Dhabi; AFG Kabul; ARM Yerevan; AZE Baku; BGD Dhaka; BHR Manama; BRN Bandar Seri Begawan;
    BTN Thimphu; CHN Beijing; GEO Tbilisi; IDN Jakarta; ISR Jerusalem; IND New Delhi; IRQ Baghdad; IRN Tehran;
    JOR Amman; JPN Tokyo; KGZ Bishkek; KHM Phnom Penh; PRK Pyongyang; KOR Seoul; KWT Kuwait City; KAZ Nur-Sultan;
    LAO Vientiane; LBN Beirut; LKA Colombo; MMR Nay Pyi Taw; MNG Ulaanbaatar; MDV Male; MYS Kuala Lumpur;
    NPL Kathmandu; OMN Muscat; PHL Manila; PAK Islamabad; QAT Doha; SAU Riyadh; SGP Singapore; SYR Damascus;
    THA Bangkok; TJK Dushanbe; TKM Ashgabat; TUR Ankara; UZB Tashkent; VNM Hanoi; YEM Sanaa""",
    "Europe": """AND Andorra la Vella; ALB Tirana; AUT Vienna; BIH Sarajevo; BEL Brussels; BGR Sofia; BLR Minsk;
    CHE Bern; CYP Nicosia; CZE Prague; DEU Berlin; DNK Copenhagen; EST Tallinn; ESP Madrid; FIN Helsinki; FRA Paris;
    GBR London; GRC Athens; HRV Zagreb; HUN Budapest; IRL Dublin; ISL Reykjavik; ITA Rome; LIE Vaduz; LTU Vilnius;
    LUX Luxembourg; LVA Riga; MCO Monaco; MDA Chisinau; MNE Podgorica; MKD Skopje; MLT Valletta; NLD Amsterdam;
    NOR Oslo; POL Warsaw; PRT Lisbon; ROU Bucharest; SRB Belgrade; RUS Moscow; SWE Stockholm; SVN Ljubljana;
    SVK Bratislava; SMR San Marino; UKR Kyiv""",
    "Oceania": """AUS Canberra; FJI Suva; FSM Palikir; KIR Tarawa; MHL Majuro; NRU Yaren; NZL Wellington;
    PNG Port Moresby; PLW Melekeok; SLB Honiara; TLS Dili; TON Nuku'alofa; TUV Funafuti; VUT Port Vila; WSM Apia""",
}
# Where the two tables may differ, and why ours is right.
OTHER_CAPITAL = {
    "KAZ": "renamed from Nur-Sultan to Astana in 2022",
    "LKA": "Colombo is the commercial capital",
    "KIR": "South Tarawa is the inhabited part of Tarawa atoll",
    "MMR": "another transcription of Naypyidaw",
    "PLW": "Ngerulmud lies in the state of Melekeok",
}
OTHER_REGION = {"CYP": "Western Asia in UN M49", "TLS": "South-eastern Asia in UN M49"}


def words(name: str) -> pd.DataFrame:
    return pd.read_csv(WORDS / f"{name}.csv", dtype=str, keep_default_na=False)


def spans(frame: pd.DataFrame) -> pd.Series:
    return pd.Series([row.text[row.start : row.end] for row in frame.itertuples()], index=frame.index)


def letters(name: str) -> str:
    return "".join(character for character in factual._plain(name).replace("saint", "st") if character.isalpha())


def surface(frame: pd.DataFrame, strength: float, seed: int) -> Any:
    model = make_pipeline(CountVectorizer(ngram_range=(1, 2)), LogisticRegression(C=strength, max_iter=2000))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    guesses = cross_val_predict(model, frame["text"], frame["label"], groups=frame["group"], cv=folds)
    return (guesses == frame["label"]).mean()


@EVERY
def test_rows_are_many_distinct_and_evenly_labelled(name):
    frame = FRAMES[name]
    assert list(frame.columns) == ["text", "start", "end", "label", "group", "control_key"]
    assert 1000 <= len(frame) <= 1600
    assert frame["label"].value_counts().nunique() == 1
    assert not frame.duplicated(["text", "start", "end"]).any()
    assert not frame.isna().any().any()


@EVERY
def test_text_is_tidy_and_the_span_lies_inside_it(name):
    frame = FRAMES[name]
    assert frame["text"].str.fullmatch(r"\w(\S| (?! ))*\.").all()  # one sentence, no braces left, no double spaces
    assert not frame["text"].str.contains(r"[{}]|\b(?:a [aeiou]|an [^aeiouh])").any()
    assert ((frame["start"] >= 0) & (frame["start"] < frame["end"]) & (frame["end"] <= frame["text"].str.len())).all()
    assert (spans(frame) == spans(frame).str.strip()).all()


@EVERY
def test_two_calls_are_equal(name):
    pd.testing.assert_frame_equal(GENERATORS[name](), FRAMES[name])


@EVERY
def test_control_keys_recur_over_many_groups(name):
    groups = FRAMES[name].groupby("control_key")["group"].nunique()
    assert len(groups) >= 20
    assert groups.min() >= 12


@EVERY
def test_bag_of_words_is_near_chance_on_groups_it_has_not_seen(name):
    frame = FRAMES[name]
    accuracy = sum(surface(frame, 1.0, seed) for seed in (0, 1)) / 2
    assert abs(accuracy - 1 / frame["label"].nunique()) < 0.05


def test_bag_of_words_can_be_far_from_chance():
    frame = FRAMES["capital_truth"]
    leaky = frame.assign(text=frame["text"] + " " + frame["label"])
    assert surface(leaky, 1.0, 0) > 0.95


@pytest.mark.parametrize("name", ["subject_number", "part_of_speech", "capital_truth"])
def test_classes_are_even_inside_each_group(name):
    shares = FRAMES[name].groupby("group")["label"].value_counts().unstack()
    assert (shares.iloc[:, 0] == shares.iloc[:, 1]).all()


def test_number_pairs_differ_in_the_head_noun_alone():
    frame, nouns = FRAMES["subject_number"], words("subject_nouns").set_index("singular")
    singular, plural = frame[::2], frame[1::2]
    assert (singular["label"] == "singular").all() and (plural["label"] == "plural").all()
    for one, many in zip(singular.itertuples(), plural.itertuples(), strict=True):
        noun, its_plural = one.group, nouns.at[one.group, "plural"]
        assert one.text.replace(f"he {noun} ", f"he {its_plural} ", 1) == many.text
        assert one.text[one.start : one.end] == many.text[many.start : many.end] == one.control_key


def test_number_words_are_unambiguous():
    nouns, verbs, phrases = words("subject_nouns"), words("past_verbs")["verb"], words("attractors")
    assert len(nouns) == nouns["singular"].nunique() >= 60
    assert not (nouns["singular"] == nouns["plural"]).any()
    assert verbs.is_unique and len(verbs) >= 24 and not verbs.isin(["was", "were", "has", "have"]).any()
    between = set(phrases[["singular", "plural", "second_singular", "second_plural"]].to_numpy().ravel())
    assert between.isdisjoint({*nouns["singular"], *nouns["plural"]})


def test_part_of_speech_cannot_be_told_from_position_word_or_text():
    frame = FRAMES["part_of_speech"]
    before = pd.Series([len(row.text[: row.start].split()) for row in frame.itertuples()], index=frame.index)
    for telltale in (before, spans(frame), frame["text"]):
        shares = frame.groupby(telltale)["label"].value_counts().unstack()
        assert (shares["noun"] == shares["verb"]).all()


def test_ambiguous_words_belong_to_one_pair_each():
    pairs = words("ambiguous_pairs")
    assert Counter([*pairs["first"], *pairs["second"]]).most_common(1)[0][1] == 1
    frame = FRAMES["part_of_speech"]
    assert frame.groupby(spans(frame))["group"].nunique().eq(1).all()


def test_country_table_agrees_with_geonames():
    ours = words("countries").set_index("iso3")
    theirs = {
        entry.strip()[:3]: (entry.strip()[4:], region) for region, text in GEONAMES.items() for entry in text.split(";")
    }
    assert set(ours.index) == set(theirs)
    for code, (capital, region) in theirs.items():
        assert (letters(ours.at[code, "capital"]) != letters(capital)) == (code in OTHER_CAPITAL), code
        assert (ours.at[code, "region"] != region) == (code in OTHER_REGION), code


def test_country_table_has_the_193_members_of_the_united_nations():
    table = words("countries")
    counts = {"Africa": 54, "Americas": 35, "Asia": 47, "Europe": 43, "Oceania": 14}
    assert table["region"].value_counts().to_dict() == counts
    assert table["country"].is_unique and table["capital"].is_unique and table["source"].ne("").all()


def test_places_are_read_without_their_article_and_never_name_their_region():
    frame, table = FRAMES["country_continent"], words("countries").set_index("country")
    assert not frame["text"].str.contains("Africa|America|Asia|Europe|Oceania").any()
    for row in frame.itertuples():
        country, place = table.loc[row.group], row.text[row.start : row.end]
        assert place == (row.group if row.control_key.startswith("country") else country["capital"])
        assert row.label == country["region"]
        assert row.text[: row.start].endswith(" the ") == (place == row.group and country["article"] == "the")
    assert frame.groupby("control_key")["label"].value_counts().eq(14).all()


def test_every_country_stands_in_as_many_sentences_and_every_region_has_as_many_countries():
    frame = FRAMES["country_continent"]
    assert frame.groupby("group").size().unique().tolist() == [20]
    assert frame.groupby("label")["group"].nunique().unique().tolist() == [14]
    subregions = words("countries").set_index("country").loc[frame["group"].unique(), ["region", "subregion"]]
    assert subregions.groupby("region")["subregion"].nunique().min() >= 2  # spread, not the first of the table


def test_statements_are_true_exactly_when_labelled_so():
    frame, table = FRAMES["capital_truth"], words("countries").set_index("country")
    assert (frame["start"] == 0).all() and (frame["end"] == frame["text"].str.len()).all()
    for group, rows in frame.groupby("group"):
        countries = [table.loc[name] for name in group.split("/")]
        assert len(countries) == 2 and len({country["region"] for country in countries}) == 1
        for row in rows.itertuples():
            named = [
                c for c in countries if f"{c['article']} {c.name}".strip() in row.text.replace(c["capital"], "", 1)
            ]
            cities = [c for c in countries if c["capital"] in row.text]
            assert len(named) == len(cities) == 1
            assert (row.label == "true") == (named[0].name == cities[0].name)


def test_statements_leave_out_capitals_that_are_disputed_or_spelled_like_their_country():
    used = {name for group in FRAMES["capital_truth"]["group"] for name in group.split("/")}
    table = words("countries").set_index("country")
    assert (table.loc[sorted(used), "capital_note"] == "").all()
    assert used.isdisjoint({"Algeria", "Bolivia", "Brazil", "Israel", "Kuwait", "Mexico", "Singapore", "South Africa"})
    assert {"Netherlands", "Australia", "Kazakhstan", "Myanmar"} <= used
