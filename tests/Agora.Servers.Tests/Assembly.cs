[assembly: AssemblyFixture(typeof(Agora.Servers.Tests.Marketplace))]
