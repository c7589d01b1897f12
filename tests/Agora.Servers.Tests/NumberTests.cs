namespace Agora.Servers.Tests;

/// <summary>Whole numbers in paths and queries, and numbers in JSON.</summary>
public sealed class NumberTests
{
    [Theory]
    [InlineData("0", true)]
    [InlineData("7", true)]
    [InlineData("2147483647", true)]
    [InlineData("2147483648", false)]
    [InlineData("", false)]
    [InlineData("07", false)]
    [InlineData("00", false)]
    [InlineData("+7", false)]
    [InlineData("-7", false)]
    [InlineData(" 7", false)]
    [InlineData("7\0", false)]
    [InlineData("\u0667", false)]
    [InlineData("\uFF17", false)]
    [InlineData("1,000", false)]
    [InlineData("99999999999999999999", false)]
    public void A_number_has_one_spelling(string text, bool isNumber) =>
        Assert.Equal(isNumber, Digits.TryParse(text, int.MaxValue, out _));

    [Theory]
    [InlineData("12.50", 2, 1250L)]
    [InlineData("12.5", 2, 1250L)]
    [InlineData("1.25e1", 2, 1250L)]
    [InlineData("1250000E-5", 2, 1250L)]
    [InlineData("12.340000000000000000000000000000", 2, 1234L)]
    [InlineData("12.340000000000000000000000000001", 2, null)]
    [InlineData("0.001", 2, null)]
    [InlineData("1e-400", 2, null)]
    [InlineData("1e-99999999999999999999", 2, null)]
    [InlineData("1e400", 2, long.MaxValue)]
    [InlineData("-1e400", 2, long.MinValue)]
    [InlineData("1e99999999999999999999", 0, long.MaxValue)]
    [InlineData("0e99999999999999999999", 0, 0L)]
    [InlineData("-0.00", 2, 0L)]
    [InlineData("2.0", 0, 2L)]
    [InlineData("2.0000000000000000000000000001", 0, null)]
    [InlineData("999999999999999999", 0, 999999999999999999L)]
    [InlineData("99999999999999999999999999999", 0, long.MaxValue)]
    [InlineData("-100", 0, -100L)]
    public void A_JSON_number_is_read_from_its_text_and_never_rounded(string json, int decimals, long? scaled) =>
        Assert.Equal(scaled, ExactNumber.Parse(json).Scaled(decimals));
}
