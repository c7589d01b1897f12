[assembly: AssemblyFixture(typeof(Agora.Web.Tests.BrowserFixture))]
[assembly: AssemblyFixture(typeof(Agora.Web.Tests.WebMarketplace))]
