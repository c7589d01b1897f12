using Agora.Web.Shop;

namespace Agora.Web.Tests.Shop;

public class MoneyTests
{
    [Theory]
    [InlineData("12", "12")]
    [InlineData(" 12.5 ", "12.5")]
    [InlineData("12,50", "12.50")]
    [InlineData("0,5", "0.5")]
    [InlineData("1,249.00", "1249")]
    [InlineData("1,249", "1249")]
    [InlineData("1.249", "1.249")]
    public void Amounts_are_read_as_people_write_them(string text, string amount) =>
        Assert.Equal(decimal.Parse(amount, System.Globalization.CultureInfo.InvariantCulture), Money.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("cheap")]
    [InlineData("-1")]
    [InlineData("1e5")]
    [InlineData("12.50 EUR")]
    [InlineData("999999999999999999999")]
    public void Anything_else_is_no_amount(string text) => Assert.Null(Money.Parse(text));

    [Fact]
    public void Amounts_are_shown_with_two_decimals() =>
        Assert.Equal(("1,249.00", "1249.00"), (Money.Text(1249), Money.Field(1249)));
}
