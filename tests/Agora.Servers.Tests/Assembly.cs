[assembly: AssemblyFixture(typeof(Agora.Servers.Tests.InProcessMarketplace))]
