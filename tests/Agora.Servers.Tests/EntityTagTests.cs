namespace Agora.Servers.Tests;

public sealed class EntityTagTests
{
    [Theory]
    [InlineData("\"3\"", new long[] { 3 })]
    [InlineData("\"3\", \"4\"", new long[] { 3, 4 })]
    [InlineData("*", new long[] { })]
    [InlineData("W/\"3\"", new long[] { EntityTags.NoVersion })]
    [InlineData("W/\"3\", \"4\"", new long[] { EntityTags.NoVersion, 4 })]
    [InlineData("\"03\"", new long[] { EntityTags.NoVersion })]
    [InlineData("\"\"", new long[] { EntityTags.NoVersion })]
    [InlineData("\"abc\", \"99999999999999999999\"", new long[] { EntityTags.NoVersion })]
    [InlineData("3", null)]
    [InlineData("\"3", null)]
    [InlineData("", null)]
    [InlineData("*, \"3\"", null)]
    [InlineData("\"3\" \"4\"", null)]
    public void If_Match_names_versions(string header, long[]? versions)
    {
        Assert.Equal(versions is not null, EntityTags.TryReadIfMatch(header, out var read));
        Assert.Equal(versions ?? [], read);
    }

    [Theory]
    [InlineData("\"3\"", true)]
    [InlineData("W/\"3\"", true)]
    [InlineData("\"2\", \"3\"", true)]
    [InlineData("*", true)]
    [InlineData("\"4\"", false)]
    [InlineData("3", false)]
    [InlineData("", false)]
    public void If_None_Match_compares_weakly_and_means_nothing_where_it_is_malformed(string header, bool names) =>
        Assert.Equal(names, EntityTags.IfNoneMatchNames(header, EntityTags.Of(3)));
}
