using System.Globalization;
using System.Text;
using ICU4N;
using ICU4N.Globalization;
using ICU4N.Text;

namespace Agora.Servers;

/// <summary>
/// The rules of names, usernames, keywords and passwords: how they are normalised and compared, and which characters
/// they must not have. Only the servers do this. The databases compare byte by byte, so that replicas on machines with
/// other Unicode tables stay equal.
/// </summary>
internal static class UnicodeText
{
    private const int ZeroWidthNonJoiner = 0x200C;
    private const int ZeroWidthJoiner = 0x200D;
    private const int EmojiPresentation = 0xFE0F;

    // Numbers of ICU's property values; 0 is the default.
    private const int NonJoining = 0;
    private const int Virama = 9;

    // One character comes from at most four, so that a text longer than four times the bound stays too long when
    // normalised.
    private const int MaxDecomposition = 4;

    public static string Nfc(string text) => Normalizer2.NFCInstance.Normalize(text);

    public static string Nfkc(string text) => Normalizer2.NFKCInstance.Normalize(text);

    /// <summary>
    /// The key by which texts are compared: NFKC with full case folding, without invisible characters. The Turkish
    /// capital İ, which folds to an i with a dot above, counts as an i.
    /// </summary>
    public static string Fold(string text)
    {
        // The text is decomposed first: otherwise a Greek vowel with an accent and an iota below folds to another order
        // of the two marks.
        var folded = Normalizer2.NFKCCaseFoldInstance.Normalize(Normalizer2.NFDInstance.Normalize(text));
        // .NET knows the case of scripts that are younger than ICU's tables.
        if (
            folded
                .EnumerateRunes()
                .Any(rune =>
                    rune.Value > 0x7F && UChar.GetUnicodeCategory(rune.Value) == UUnicodeCategory.OtherNotAssigned
                )
        )
        {
            var lower = new StringBuilder(folded.Length);
            foreach (var rune in folded.EnumerateRunes())
            {
                lower.Append(Rune.ToLowerInvariant(rune).ToString());
            }

            folded = lower.ToString();
        }

        const string dottedI = "i\u0307";
        while (folded.Contains(dottedI, StringComparison.Ordinal))
        {
            folded = Nfkc(folded.Replace(dottedI, "i", StringComparison.Ordinal));
        }

        return folded;
    }

    /// <summary>
    /// A text without surrounding white space, normalised as its kind demands; or what is wrong with it.
    /// </summary>
    public static (string? Normalised, string? Wrong) Read(string text, TextKind kind, int maxLength)
    {
        text = text.Trim();
        if (!IsUnicode(text))
        {
            return (null, "must not have half a surrogate pair");
        }

        if (Length(text) > maxLength * MaxDecomposition)
        {
            return (null, LengthRule(1, maxLength));
        }
        // Compatibility forms may become white space.
        text = kind == TextKind.Name ? Nfc(text) : Nfkc(text).Trim();
        return Length(text) is var length && (length < 1 || length > maxLength) ? (null, LengthRule(1, maxLength))
            : WhatIsWrong(text, kind) is { } wrong ? (null, wrong)
            : (text, null);
    }

    /// <summary>A password, normalised; or what is wrong with it. It may hold any character.</summary>
    public static (string? Normalised, string? Wrong) ReadPassword(string text, int minLength, int maxLength)
    {
        if (!IsUnicode(text))
        {
            return (null, "must not have half a surrogate pair");
        }

        if (Length(text) > maxLength * MaxDecomposition)
        {
            return (null, LengthRule(minLength, maxLength));
        }

        text = Nfc(text);
        return Length(text) is var length && (length < minLength || length > maxLength)
            ? (null, LengthRule(minLength, maxLength))
            : (text, null);
    }

    public static int Length(string text)
    {
        var length = 0;
        foreach (var _ in text.EnumerateRunes())
        {
            length++;
        }

        return length;
    }

    public static string LengthRule(int minLength, int maxLength) =>
        string.Create(CultureInfo.InvariantCulture, $"must have {minLength} to {maxLength} characters");

    private static bool IsUnicode(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]) && (i + 1 >= text.Length || !char.IsSurrogatePair(text[i], text[++i])))
            {
                return false;
            }
        }

        return true;
    }

    private static string? WhatIsWrong(string text, TextKind kind)
    {
        Rune[] runes = [.. text.EnumerateRunes()];
        var isVisible = false;
        for (var i = 0; i < runes.Length; i++)
        {
            var category = Rune.GetUnicodeCategory(runes[i]);
            if (
                category
                    is UnicodeCategory.Control
                        or UnicodeCategory.LineSeparator
                        or UnicodeCategory.ParagraphSeparator
                || IsNoncharacter(runes[i].Value)
            )
            {
                return "must have no control characters";
            }

            if (IsInvisible(runes[i].Value, category) && (kind == TextKind.Username || !IsInPlace(runes, i)))
            {
                return "must have no invisible characters, and none that change the direction of writing";
            }

            if (kind == TextKind.Username && category is UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse)
            {
                return "must have no characters that Unicode has not assigned";
            }

            isVisible |= IsVisible(category) && !IsInvisible(runes[i].Value, category);
        }

        return isVisible ? null : "must have at least one visible character";
    }

    // XML, which carries payments, cannot represent the last two of the basic plane either.
    private static bool IsNoncharacter(int rune) => (rune & 0xFFFE) == 0xFFFE || rune is >= 0xFDD0 and <= 0xFDEF;

    private static bool IsVisible(UnicodeCategory category) =>
        category
            is UnicodeCategory.UppercaseLetter
                or UnicodeCategory.LowercaseLetter
                or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter
                or UnicodeCategory.OtherLetter
                or UnicodeCategory.DecimalDigitNumber
                or UnicodeCategory.LetterNumber
                or UnicodeCategory.OtherNumber
                or UnicodeCategory.ConnectorPunctuation
                or UnicodeCategory.DashPunctuation
                or UnicodeCategory.OpenPunctuation
                or UnicodeCategory.ClosePunctuation
                or UnicodeCategory.InitialQuotePunctuation
                or UnicodeCategory.FinalQuotePunctuation
                or UnicodeCategory.OtherPunctuation
                or UnicodeCategory.MathSymbol
                or UnicodeCategory.CurrencySymbol
                or UnicodeCategory.ModifierSymbol
                or UnicodeCategory.OtherSymbol;

    private static bool IsInvisible(int rune, UnicodeCategory category) =>
        // A Braille pattern without dots, a null note head, an object replacement character.
        rune is 0x2800 or 0x1D159 or 0xFFFC
        || UChar.HasBinaryProperty(rune, UProperty.Default_Ignorable_Code_Point)
        || UChar.HasBinaryProperty(rune, UProperty.Bidi_Control)
        // The exceptions are visible format characters: signs that span numbers and verses.
        || (
            category == UnicodeCategory.Format
            && rune is not ((>= 0x600 and <= 0x605) or 0x6DD or 0x70F or 0x890 or 0x891 or 0x8E2 or 0x110BD or 0x110CD)
        );

    /// <summary>
    /// Whether an invisible character has its purpose there: it joins what can be joined, or makes a sign an emoji.
    /// </summary>
    private static bool IsInPlace(Rune[] runes, int i)
    {
        if (i == 0)
        {
            return false;
        }

        var before = runes[i - 1].Value;
        switch (runes[i].Value)
        {
            case EmojiPresentation:
                return UChar.HasBinaryProperty(before, UProperty.Emoji);
            case ZeroWidthJoiner when i + 1 < runes.Length && IsPictograph(before) && IsPictograph(runes[i + 1].Value):
                return true;
            case ZeroWidthJoiner or ZeroWidthNonJoiner when i + 1 < runes.Length:
                // As for internationalised domain names (RFC 5892, A.1 and A.2): after a virama, or between letters of
                // a script that joins.
                return Normalizer2.NFCInstance.GetCombiningClass(before) == Virama
                    || (Joins(before) && Joins(runes[i + 1].Value));
            default:
                return false;
        }
    }

    // A part of a joined emoji. Skin colour and emoji presentation follow one. Emoji that are younger than ICU's tables
    // are symbols.
    private static bool IsPictograph(int rune) =>
        rune is EmojiPresentation or 0x20E3
        || (
            rune > 0xFF
            && (
                UChar.HasBinaryProperty(rune, UProperty.Emoji)
                || Rune.GetUnicodeCategory(new Rune(rune))
                    is UnicodeCategory.OtherSymbol
                        or UnicodeCategory.ModifierSymbol
            )
        );

    private static bool Joins(int rune) =>
        UChar.GetIntPropertyValue(rune, UProperty.Joining_Type) != NonJoining
        && !UChar.HasBinaryProperty(rune, UProperty.Default_Ignorable_Code_Point);
}
