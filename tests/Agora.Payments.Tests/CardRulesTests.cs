using System.Text;
using Agora.Contracts.Payments;
using CsCheck;
using Xunit;

namespace Agora.Payments.Tests;

public sealed class CardRulesTests
{
    [Fact]
    public void A_number_made_with_its_check_digit_is_accepted_and_any_one_digit_mistyped_is_found() =>
        Gen.Select(Gen.Int[0, 9].Array[11, 18], Gen.Int[0, 100], Gen.Int[1, 9])
            .Sample(
                (digits, place, shift) =>
                {
                    var payload = string.Concat(digits);
                    var check = Enumerable
                        .Range('0', 10)
                        .Select(c => payload + (char)c)
                        .Where(n => CardRules.WrongNumber(n) is null)
                        .ToArray();
                    var number = Assert.Single(check);
                    var mistyped = new StringBuilder(number);
                    place %= number.Length;
                    mistyped[place] = (char)('0' + (number[place] - '0' + shift) % 10);
                    Assert.NotNull(CardRules.WrongNumber(mistyped.ToString()));
                }
            );

    [Theory]
    [InlineData("11/26", false)]
    [InlineData("12/26", true)]
    [InlineData("01/27", true)]
    [InlineData("00/30", false)]
    [InlineData("13/30", false)]
    [InlineData("1/30", false)]
    [InlineData("+1/30", false)]
    [InlineData("12-30", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void A_card_is_good_to_the_end_of_its_month(string? expiration, bool good) =>
        Assert.Equal(
            good,
            CardRules.WrongExpiration(expiration, new DateTimeOffset(2026, 12, 31, 23, 59, 59, TimeSpan.Zero)) is null
        );

    [Theory]
    [InlineData(11, true)]
    [InlineData(12, false)]
    public void Its_month_has_ended_when_it_has_ended_everywhere_on_Earth(int hoursInUtc, bool good) =>
        Assert.Equal(
            good,
            CardRules.WrongExpiration("12/26", new DateTimeOffset(2027, 1, 1, hoursInUtc, 0, 0, TimeSpan.Zero)) is null
        );
}
