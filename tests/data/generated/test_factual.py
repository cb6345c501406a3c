"""The factual datasets: facts by a second column or rule, frames that tell nothing, variants apart."""

import re
import unicodedata

import pandas as pd
import pytest

from data.generated import capital_relation
from data.generated.frames import read_words
from data.generated.suite import GENERATORS

AT_A_NAME = pytest.mark.parametrize(
    "name", ["country_continent", "country_language", "element_category", "person_profession", "company_industry"]
)

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


def table(name: str) -> pd.DataFrame:
    return pd.DataFrame(read_words(name))


def spans(frame: pd.DataFrame) -> pd.Series:
    return pd.Series([row.text[row.start : row.end] for row in frame.itertuples()], index=frame.index)


def letters(name: str) -> str:
    """A name in lower case without accents, spaces and hyphens."""
    plain = unicodedata.normalize("NFKD", name.lower().replace("saint", "st"))
    return "".join(character for character in plain if character.isascii() and character.isalpha())


def templates(frame: pd.DataFrame) -> pd.Series:
    """The sentence around the span."""
    return pd.Series([row.text[: row.start] + "_" + row.text[row.end :] for row in frame.itertuples()], frame.index)


def n_words(texts: pd.Series) -> pd.Series:
    return texts.str.split().str.len()


def even(frame: pd.DataFrame, by: pd.Series) -> bool:
    """Whether every value of `by` has all labels equally often."""
    counts = pd.crosstab(by, frame["label"])
    return bool((counts.max(axis=1) == counts.min(axis=1)).all())


@AT_A_NAME
def test_every_name_stands_in_every_frame_and_has_one_label(name: str) -> None:
    frame = GENERATORS[name]()
    around = templates(frame)
    assert (pd.crosstab(spans(frame), around) == 1).all().all()
    assert (frame.groupby(spans(frame))["label"].nunique() == 1).all()
    assert (frame.groupby("group")["label"].nunique() == 1).all()
    assert frame.groupby("label")["group"].nunique().nunique() == 1


@AT_A_NAME
def test_frames_come_with_all_labels_and_with_one_variant(name: str) -> None:
    frame = GENERATORS[name]()
    around = templates(frame)
    assert even(frame, around) and even(frame, frame["control_key"]) and even(frame, frame["variant"])
    assert (frame.groupby(around)["variant"].nunique() == 1).all()
    # A model that reads from left to right has to know the frame at the name for its control label.
    assert around.str.split("_").str[0].nunique() == around.nunique()


@AT_A_NAME
def test_places_and_lengths_in_words_do_not_tell_a_label(name: str) -> None:
    frame = GENERATORS[name]()
    ends = pd.Series([len(row.text[: row.end].split()) for row in frame.itertuples()], index=frame.index)
    assert even(frame, ends) and even(frame, n_words(frame["text"]))


@AT_A_NAME
def test_the_word_before_a_name_differs_between_variants(name: str) -> None:
    before = {
        variant: {row.text[: row.start].lower().split()[-1].strip(",") for row in there.itertuples()}
        for variant, there in GENERATORS[name]().groupby("variant")
    }
    assert before["frames_a"].isdisjoint(before["frames_b"])


def test_country_table_agrees_with_geonames() -> None:
    ours = table("countries").set_index("iso3")
    theirs = {
        entry.strip()[:3]: (entry.strip()[4:], region) for region, text in GEONAMES.items() for entry in text.split(";")
    }
    assert set(ours.index) == set(theirs)
    for code, (capital, region) in theirs.items():
        assert (letters(ours["capital"][code]) != letters(capital)) == (code in OTHER_CAPITAL), code
        assert (ours["region"][code] != region) == (code in OTHER_REGION), code


def test_country_table_has_the_193_members_of_the_united_nations() -> None:
    countries = table("countries")
    counts = {"Africa": 54, "Americas": 35, "Asia": 47, "Europe": 43, "Oceania": 14}
    assert countries["region"].value_counts().to_dict() == counts
    assert countries["country"].is_unique and countries["capital"].is_unique and countries["source"].ne("").all()


def test_continents_are_those_of_both_tables_and_of_several_subregions() -> None:
    chosen = table("continent_countries").merge(table("countries"), on="country", validate="1:1")
    codes = {"002": "Africa", "019": "Americas", "142": "Asia", "150": "Europe"}
    assert len(chosen) == 60 and (chosen["m49_region"].map(codes) == chosen["region"]).all()
    assert chosen.groupby("region")["subregion"].nunique().min() >= 3
    labels = GENERATORS["country_continent"]().groupby("group")["label"].first()
    assert labels.to_dict() == dict(zip(chosen["country"], chosen["region"], strict=True))


def test_places_are_single_words_that_never_name_a_region() -> None:
    frame = GENERATORS["country_continent"]()
    assert not frame["text"].str.contains("Africa|America|Asia|Europe").any()
    assert (n_words(spans(frame)) == 1).all()
    kinds = frame["control_key"].str.split(":").str[0]
    assert ((spans(frame) == frame["group"]) == (kinds == "country")).all()


def test_language_families_follow_the_codes_and_are_even_over_continents() -> None:
    families = {"Romance": {"es", "fr", "it", "pt", "ro"}, "Germanic": {"da", "de", "en", "is", "nl", "no", "sv"}}
    chosen = table("country_languages").merge(table("countries"), on="country", validate="1:1")
    assert len(chosen) == 40
    assert all(row.iso639 in families[row.family] for row in chosen.itertuples())
    assert (chosen.groupby("language")["iso639"].nunique() == 1).all() and (chosen["article"] == "").all()
    assert even(chosen.assign(label=chosen["family"]), chosen["region"])
    labels = GENERATORS["country_language"]().groupby("group")["label"].first()
    assert labels.to_dict() == dict(zip(chosen["country"], chosen["family"], strict=True))


def category(group: int, period: int) -> str:
    """The category of an element by its place in the periodic table."""
    if 3 <= group <= 11:
        return "transition metal"
    # Below these periods a group of the p block, 13 to 15, turns into metals; hydrogen is the nonmetal of group 1.
    first_metal = {1: 2, 2: 2, 13: 3, 14: 5, 15: 6}
    return "main-group metal" if group in first_metal and period >= first_metal[group] else "nonmetal"


def place(number: int) -> tuple[int, int, str]:
    """Group, period and block of an element that is no lanthanide or actinide, by its atomic number."""
    gases = (0, 2, 10, 18, 36, 54, 86)
    period = next(index for index, gas in enumerate(gases) if number <= gas)
    if number == 2:
        return 18, 1, "s"
    since, before = number - gases[period - 1], gases[period] - number
    if since <= 2:
        return since, period, "s"
    return 18 - before, period, "p" if before < 6 else "d"


def test_element_categories_follow_from_the_atomic_number() -> None:
    elements = table("element_categories")
    assert len(elements) == 45 and elements["number"].is_unique and elements["source"].ne("").all()
    for row in elements.itertuples():
        assert (int(row.group), int(row.period), row.block) == place(int(row.number)), row.name
        assert row.category == category(int(row.group), int(row.period)), row.name
    labels = GENERATORS["element_category"]().groupby("group")["label"].first()
    assert labels.to_dict() == dict(zip(elements["name"], elements["category"], strict=True))


def test_people_have_a_name_of_two_words_a_plausible_life_and_a_work_of_their_own() -> None:
    people = table("persons")
    born, died = people["born"].astype(int), people["died"].astype(int)
    assert ((born >= 1200) & (born < 1950) & (died - born >= 25) & (died - born <= 100)).all()
    assert people["known_for"].ne("").all() and people["known_for"].is_unique and people["source"].ne("").all()
    names = people["name"].str.split(expand=True)
    assert names.shape[1] == 2 and names[0].is_unique and names[1].is_unique


def test_professions_are_even_over_origins() -> None:
    people = table("persons")
    assert even(people.assign(label=people["profession"]), people["origin"])
    assert (people["profession"].value_counts() == 25).all()
    labels = GENERATORS["person_profession"]().groupby("group")["label"].first()
    assert labels.to_dict() == dict(zip(people["name"], people["profession"], strict=True))


def test_industries_follow_the_codes_of_activity() -> None:
    divisions = {"29": "cars", "64": "banking", "10": "food and drink", "11": "food and drink", "26": "electronics"}
    companies = table("companies")
    assert (companies["isic"].str[:2].map(divisions) == companies["industry"]).all()
    assert (companies["industry"].value_counts() == 20).all() and companies["name"].is_unique
    assert companies["founded"].astype(int).between(1600, 2020).all() and companies["source"].ne("").all()
    assert companies.groupby("industry")["country"].nunique().min() >= 7
    labels = GENERATORS["company_industry"]().groupby("group")["label"].first()
    assert labels.to_dict() == dict(zip(companies["name"], companies["industry"], strict=True))


def test_company_names_are_single_words_that_do_not_name_the_industry() -> None:
    names = table("companies")["name"]
    telling = r"auto|motor|\bcars?\b|bank|credit|financ|food|drink|brew|beer|choc|electr|tech|comput|micro|soft"
    assert names.str.isalpha().all() and not names.str.lower().str.contains(telling).any()


def test_cities_are_checked_against_the_table_of_countries() -> None:
    cities = table("cities").merge(table("countries"), on="country", validate="1:1", suffixes=("", "_there"))
    assert len(cities) == 55
    assert (cities["capital"] == cities["capital_there"]).all() and (cities["iso3"] == cities["iso3_there"]).all()
    assert (cities["capital_note"] == "").all()
    assert set(cities["other_city"]).isdisjoint(table("countries")["capital"])
    assert cities["other_city"].is_unique and cities["geonames_id"].is_unique
    assert (n_words(cities["capital"]) == 1).all() and (n_words(cities["other_city"]) == 1).all()
    starts = cities[["country", "capital"]].map(lambda name: letters(name)[:3])
    assert (starts["country"] != starts["capital"]).all()
    assert abs(cities["capital"].str.len().mean() - cities["other_city"].str.len().mean()) < 1  # as many tokens, too


def test_cities_of_a_country_are_minimal_pairs_read_at_the_same_word() -> None:
    frame, cities = capital_relation.rows(), table("cities").set_index("country")
    assert (spans(frame) == frame["group"]).all()
    pairs: dict[tuple[str, str], dict[str, str]] = {}
    for row in frame.itertuples():
        city = cities.loc[row.group, "capital" if row.label == "capital" else "other_city"]
        assert len(re.findall(rf"\b{city}\b", row.text[: row.start])) == 1
        pairs.setdefault((row.group, row.control_key), {})[row.label] = row.text.replace(city, "_", 1)
    assert len(pairs) == 550 and all(pair["capital"] == pair["other city"] for pair in pairs.values())


def test_variants_of_the_relation_share_no_frame_and_differ_in_syntax() -> None:
    frame = capital_relation.rows()
    assert (frame.groupby("control_key")["variant"].nunique() == 1).all() and even(frame, frame["variant"])
    beside = frame["control_key"].str.contains(r"{city}, {the}{country},", regex=False)
    assert (beside == (frame["variant"] == "frames_a")).all()
