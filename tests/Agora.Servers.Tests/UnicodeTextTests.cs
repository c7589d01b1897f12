using System.Text;
using CsCheck;

namespace Agora.Servers.Tests;

/// <summary>
/// The rules of names, usernames, keywords and passwords: "A name has at least one visible character and none that is
/// invisible …"
/// </summary>
public sealed class UnicodeTextTests
{
    [Theory]
    [InlineData("Bike", "Bike")]
    [InlineData("  two  words \u3000", "two  words")]
    [InlineData("jose\u0301", "jos\u00E9")]
    [InlineData("\u1112\u1161\u11AB", "\uD55C")]
    [InlineData("\uFB01sh", "\uFB01sh")]
    [InlineData("\u6F22\u5B57", "\u6F22\u5B57")]
    [InlineData("\U0001F6B2", "\U0001F6B2")]
    [InlineData("\U0001F468\u200D\U0001F469\u200D\U0001F467", "\U0001F468\u200D\U0001F469\u200D\U0001F467")]
    [InlineData("\u2764\uFE0F", "\u2764\uFE0F")]
    [InlineData("\u2764\uFE0F\u200D\U0001F525", "\u2764\uFE0F\u200D\U0001F525")]
    [InlineData("1\uFE0F\u20E3", "1\uFE0F\u20E3")]
    [InlineData("\U0001F44B\U0001F3FD", "\U0001F44B\U0001F3FD")]
    [InlineData("\u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645", "\u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645")]
    [InlineData("\u0915\u094D\u200D\u0937", "\u0915\u094D\u200D\u0937")]
    [InlineData("<&]]>\"'", "<&]]>\"'")]
    [InlineData("-", "-")]
    [InlineData("\u20AC", "\u20AC")]
    public void A_name_is_taken_in_NFC_without_the_space_around_it(string text, string name) =>
        Assert.Equal((name, null), UnicodeText.Read(text, TextKind.Name, 32));

    public static TheoryData<string> Unseen() =>
        [
            // Zero width, direction, fillers, tags, variation selectors, soft hyphens, blanks.
            "a\u200Bb",
            "a\u200Eb",
            "a\u202Eb",
            "a\u2066b",
            "a\u061Cb",
            "a\u2060b",
            "a\uFEFFb",
            "a\u00ADb",
            "a\u180Eb",
            "a\u034Fb",
            "a\u3164b",
            "a\uFFA0b",
            "a\u115Fb",
            "a\u17B4b",
            "a\u2800b",
            "a\uFE00b",
            "a\uFE0Fb",
            "a\U000E0041b",
            "a\U000E0100b",
            "a\uFFF9b",
            "a\uFFFCb",
            "a\U0001D173b",
            // Joiners between characters that do not join.
            "a\u200Db",
            "a\u200Cb",
            "\u200Da",
            "a\u200D",
            "\U0001F468\u200D",
            "\u200D\U0001F468",
            "\u0441\u200D\u0430",
            "\u4E00\u200D\u4E00",
            "\uFE0F",
            "\u200B",
            "\u2800",
            "\u3164",
            "\u202E",
            // No visible character at all.
            "",
            " ",
            "\u3000",
            "\u00A0\u2003",
            "\u0301",
            "\uE000",
            // Controls, line ends, noncharacters, half surrogate pairs.
            "a\0b",
            "a\nb",
            "a\tb",
            "a\u0085b",
            "a\u2028b",
            "a\u2029b",
            "a\uFFFEb",
            "a\uFFFFb",
            "a\uFDD0b",
            "a\U0001FFFEb",
            "a\u007Fb",
            "a\uD800",
            "\uDC00b",
            "\uD83D b",
        ];

    [Theory]
    [MemberData(nameof(Unseen))]
    public void What_cannot_be_seen_is_in_no_name_keyword_or_username(string text)
    {
        Assert.All(
            Enum.GetValues<TextKind>(),
            kind =>
            {
                var (normalised, wrong) = UnicodeText.Read(text, kind, 8);
                Assert.Null(normalised);
                Assert.NotNull(wrong);
            }
        );
    }

    [Theory]
    [InlineData("\U0001F468\u200D\U0001F469")]
    [InlineData("\u2764\uFE0F")]
    [InlineData("\u0645\u06CC\u200C\u062E")]
    [InlineData("sam\uE000")]
    [InlineData("sam\u0378")]
    public void A_username_has_no_joiner_and_nothing_that_Unicode_has_not_assigned(string text) =>
        Assert.NotNull(UnicodeText.Read(text, TextKind.Username, 64).Wrong);

    [Theory]
    [InlineData("\uFF53\uFF41\uFF4D", "sam")]
    [InlineData("\uFB01", "fi")]
    [InlineData("\u2460", "1")]
    [InlineData("\u210Cello", "Hello")]
    [InlineData("a\u3000b", "a b")]
    [InlineData("\u00A8x", "\u0308x")]
    public void Usernames_and_keywords_are_taken_in_NFKC(string text, string normalised)
    {
        Assert.Equal((normalised, null), UnicodeText.Read(text, TextKind.Username, 8));
        Assert.Equal((normalised, null), UnicodeText.Read(text, TextKind.Keyword, 8));
    }

    [Theory]
    [InlineData("SAM", "sam")]
    [InlineData("STRASSE", "stra\u00DFe")]
    [InlineData("stra\u1E9Ee", "strasse")]
    [InlineData("\u039B\u039F\u0393\u039F\u03A3", "\u03BB\u03BF\u03B3\u03BF\u03C2")]
    [InlineData("\u039B\u038C\u0393\u039F\u03A3", "\u03BB\u03CC\u03B3\u03BF\u03C3")]
    [InlineData("caf\u00E9", "CAFE\u0301")]
    [InlineData("\u0130zmir", "izmir")]
    [InlineData("\u0130ZMIR", "I\u0307zmir")]
    [InlineData("\uFF33\uFF21\uFF2D", "sam")]
    [InlineData("\uFB01sh", "FISH")]
    [InlineData("\u1C90", "\u10D0")]
    [InlineData("\U00010D50", "\U00010D70")]
    [InlineData("\u13A0", "\uAB70")]
    [InlineData("\u216B", "xii")]
    [InlineData("\u1FB4", "\u1FB3\u0301")]
    public void Texts_that_differ_in_case_or_form_only_are_compared_as_one(string one, string other) =>
        Assert.Equal(UnicodeText.Fold(one), UnicodeText.Fold(other));

    [Theory]
    [InlineData("\u0131", "i")]
    [InlineData("e", "\u00E9")]
    [InlineData("\u0430", "a")]
    public void Other_letters_stay_others(string one, string other) =>
        Assert.NotEqual(UnicodeText.Fold(one), UnicodeText.Fold(other));

    [Fact]
    public void What_is_folded_or_normalised_once_stays_as_it_is()
    {
        var text = Gen.OneOf(
            Gen.Int[0, 0x10FFFF]
                .Where(rune => Rune.IsValid(rune))
                .Select(rune => new Rune(rune).ToString())
                .Array[1, 6]
                .Select(string.Concat),
            Gen.OneOf(
                    "i",
                    "\u0130",
                    "\u0307",
                    "\u0323",
                    "\u0301",
                    "I",
                    "\u00DF",
                    "\u1E9E",
                    "\u03A3",
                    "\u1FB3",
                    "\uFDFA"
                )
                .Array[1, 8]
                .Select(string.Concat)
        );
        text.Sample(
            text =>
            {
                var folded = UnicodeText.Fold(text);
                Assert.Equal(folded, UnicodeText.Fold(folded));
                Assert.Equal(folded, UnicodeText.Fold(UnicodeText.Nfc(text)));
                Assert.Equal(folded, UnicodeText.Fold(UnicodeText.Nfkc(text)));
                foreach (var kind in Enum.GetValues<TextKind>())
                {
                    if (UnicodeText.Read(text, kind, 32).Normalised is { } normalised)
                    {
                        Assert.Equal(normalised, UnicodeText.Read(normalised, kind, 32).Normalised);
                    }
                }
            },
            iter: 20_000
        );
    }

    [Fact]
    public void Lengths_are_those_of_the_normalised_text_in_characters()
    {
        Assert.Null(UnicodeText.Read(string.Concat(Enumerable.Repeat("\U0001F6B2", 32)), TextKind.Name, 32).Wrong);
        Assert.NotNull(UnicodeText.Read(string.Concat(Enumerable.Repeat("\U0001F6B2", 33)), TextKind.Name, 32).Wrong);
        Assert.Null(UnicodeText.Read(string.Concat(Enumerable.Repeat("e\u0301", 32)), TextKind.Name, 32).Wrong);
        Assert.NotNull(UnicodeText.Read("\uFDFA", TextKind.Keyword, 8).Wrong);
        Assert.Equal("must have 1 to 8 characters", UnicodeText.Read("ninechars", TextKind.Keyword, 8).Wrong);
    }

    [Fact]
    public void A_password_is_normalised_and_has_from_8_to_128_characters_of_any_kind()
    {
        Assert.Equal("caf\u00E9caf\u00E9", UnicodeText.ReadPassword("cafe\u0301cafe\u0301", 8, 128).Normalised);
        Assert.Equal("  \n\u200B\0 x ", UnicodeText.ReadPassword("  \n\u200B\0 x ", 8, 128).Normalised);
        Assert.Equal("must have 8 to 128 characters", UnicodeText.ReadPassword("1234567", 8, 128).Wrong);
        Assert.NotNull(UnicodeText.ReadPassword(new string('x', 129), 8, 128).Wrong);
        Assert.NotNull(UnicodeText.ReadPassword("half of \uD83D", 8, 128).Wrong);
        Assert.Equal("x", UnicodeText.ReadPassword("x", 1, 128).Normalised);
    }
}
