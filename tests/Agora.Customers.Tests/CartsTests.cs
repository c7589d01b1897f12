using Agora.Contracts.Customers;
using Xunit;

namespace Agora.Customers.Tests;

public sealed class CartsTests : IDisposable
{
    private readonly CustomersUnderTest _db = new();
    private readonly Session _ben;

    public CartsTests() => _ben = _db.LogIn("ben");

    public void Dispose() => _db.Dispose();

    [Fact]
    public void Lines_keep_the_order_in_which_they_were_first_added()
    {
        _db.Add(_ben, "9-1", 1);
        _db.Add(_ben, "1-2", 2);
        Assert.Equal("9-1 x 4, 1-2 x 2", CustomersUnderTest.Text(_db.Add(_ben, "9-1", 3).Cart));
        Assert.Equal("9-1 x 4, 1-2 x 2", _db.Cart(_ben));
    }

    [Fact]
    public void An_item_needs_the_units_that_the_cart_would_then_hold()
    {
        Assert.Equal(CustomersError.NotEnoughUnits, _db.Add(_ben, "1-1", 6, available: 5).Error);
        Assert.Equal(CustomersError.None, _db.Add(_ben, "1-1", 3, available: 5).Error);
        var refused = _db.Add(_ben, "1-1", 3, available: 5);
        Assert.Equal(CustomersError.NotEnoughUnits, refused.Error);
        Assert.Equal("1-1 x 3", CustomersUnderTest.Text(refused.Cart));
        Assert.Equal(CustomersError.None, _db.Add(_ben, "1-1", 2, available: 5).Error);
        Assert.Equal("1-1 x 5", _db.Cart(_ben));
    }

    [Fact]
    public void A_line_never_holds_more_than_its_type_can()
    {
        Assert.Equal(CustomersError.None, _db.Add(_ben, "1-1", int.MaxValue, long.MaxValue).Error);
        Assert.Equal(CustomersError.NotEnoughUnits, _db.Add(_ben, "1-1", 1, long.MaxValue).Error);
        Assert.Equal($"1-1 x {int.MaxValue}", _db.Cart(_ben));
    }

    [Fact]
    public void A_cart_holds_two_hundred_different_items()
    {
        for (var i = 0; i < 200; i++)
        {
            Assert.Equal(CustomersError.None, _db.Add(_ben, $"1-{i}", 1).Error);
        }

        Assert.Equal(CustomersError.CartFull, _db.Add(_ben, "1-200", 1).Error);
        Assert.Equal(CustomersError.None, _db.Add(_ben, "1-0", 1).Error);
        Assert.Equal(CustomersError.None, _db.Remove(_ben, "1-1").Error);
        Assert.Equal(CustomersError.None, _db.Add(_ben, "1-200", 1).Error);
    }

    [Theory]
    [InlineData(2, "1-1 x 3, 1-2 x 1")]
    [InlineData(5, "1-2 x 1")]
    [InlineData(6, "1-2 x 1")]
    [InlineData(null, "1-2 x 1")]
    public void Removing_takes_units_out_and_the_line_with_its_last_one(int? quantity, string left)
    {
        _db.Add(_ben, "1-1", 5);
        _db.Add(_ben, "1-2", 1);
        Assert.Equal(left, CustomersUnderTest.Text(_db.Remove(_ben, "1-1", quantity).Cart));
        Assert.Equal(left, _db.Cart(_ben));
    }

    [Fact]
    public void Removing_what_is_not_there_is_refused()
    {
        _db.Add(_ben, "1-1", 5);
        Assert.Equal(CustomersError.NotInCart, _db.Remove(_ben, "1-2").Error);
    }

    [Fact]
    public void An_unsaved_cart_goes_with_its_session_and_a_saved_one_is_there_at_the_next_login()
    {
        _db.Add(_ben, "1-2", 2);
        _db.Add(_ben, "1-1", 1);
        Assert.Equal("1-2 x 2, 1-1 x 1", CustomersUnderTest.Text(_db.Save(_ben).Cart));
        _db.Add(_ben, "1-3", 3);
        var account = _db.Row(_ben).Account;
        _db.Close(_ben);
        Assert.Equal(0, _db.Number("SELECT COUNT(*) FROM cart_line WHERE kind = 0"));
        _db.Open(account, "next");
        Assert.Equal("1-2 x 2, 1-1 x 1", _db.Cart(CustomersUnderTest.Token("next")));
    }

    [Fact]
    public void Sessions_of_one_account_have_carts_of_their_own_and_the_last_one_saved_counts()
    {
        var account = _db.Row(_ben).Account;
        _db.Open(account, "2");
        var second = CustomersUnderTest.Token("2");
        _db.Add(_ben, "1-1", 1);
        Assert.Equal("", _db.Cart(second));
        _db.Save(_ben);
        _db.Add(second, "1-2", 2);
        _db.Save(second);
        _db.Open(account, "3");
        Assert.Equal("1-2 x 2", _db.Cart(CustomersUnderTest.Token("3")));
        Assert.Equal("1-1 x 1", _db.Cart(_ben));
    }

    [Fact]
    public void Clearing_empties_the_sessions_cart_and_leaves_the_saved_one()
    {
        _db.Add(_ben, "1-1", 1);
        _db.Save(_ben);
        Assert.Equal("", CustomersUnderTest.Text(_db.Clear(_ben).Cart));
        _db.Open(_db.Row(_ben).Account, "2");
        Assert.Equal("1-1 x 1", _db.Cart(CustomersUnderTest.Token("2")));
        _db.Save(_ben);
        _db.Open(_db.Row(_ben).Account, "3");
        Assert.Equal("", _db.Cart(CustomersUnderTest.Token("3")));
    }
}
