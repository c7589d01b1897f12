[assembly: AssemblyFixture(typeof(Agora.Web.Tests.BrowserFixture))]
