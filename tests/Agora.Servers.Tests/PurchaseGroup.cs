namespace Agora.Servers.Tests;

/// <summary>The tests of purchases share one marketplace, and run one after another.</summary>
[CollectionDefinition(Name)]
public sealed class PurchaseGroup : ICollectionFixture<BreakableMarketplace>
{
    public const string Name = "purchases";
}
