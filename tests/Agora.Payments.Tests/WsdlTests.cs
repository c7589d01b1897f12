using System.Net;
using System.Text;
using System.Xml.Linq;
using System.Xml.Schema;
using Agora.Contracts.Payments;
using Xunit;

namespace Agora.Payments.Tests;

/// <summary>The description of the service, and the address in it.</summary>
public sealed class WsdlTests : RunningPaymentService
{
    [Fact]
    public async Task The_description_names_operations_types_fault_and_this_address()
    {
        XNamespace wsdl = "http://schemas.xmlsoap.org/wsdl/",
            http = "http://schemas.xmlsoap.org/wsdl/soap/",
            xsd = "http://www.w3.org/2001/XMLSchema";
        var description = XDocument.Parse(
            await Http.GetStringAsync(Address + "?wsdl", TestContext.Current.CancellationToken)
        );

        Assert.Equal(
            ["Charge", "Find", "Cancel"],
            description
                .Descendants(wsdl + "portType")
                .Elements(wsdl + "operation")
                .Select(o => o.Attribute("name")!.Value)
        );
        Assert.Equal(
            Address.ToString(),
            description.Descendants(http + "address").Single().Attribute("location")!.Value
        );
        Assert.Equal(
            "document",
            description.Descendants(http + "operation").Select(o => o.Attribute("style")!.Value).Distinct().Single()
        );
        Assert.Equal(
            ["transactionId", "cardholderName", "cardNumber", "expirationDate", "securityCode", "amountInCents"],
            description
                .Descendants(xsd + "element")
                .Single(e => e.Attribute("name")!.Value == "Charge")
                .Descendants(xsd + "element")
                .Select(e => e.Attribute("name")!.Value)
        );
        // Every type that is referred to is defined in the one schema.
        var defined = description
            .Descendants(xsd + "schema")
            .Single()
            .Elements()
            .Select(e => "tns:" + e.Attribute("name")!.Value)
            .ToHashSet();
        Assert.All(
            description
                .Descendants(xsd + "element")
                .Select(e => e.Attribute("type")?.Value)
                .Where(t => t is not null && !t.StartsWith("xsd:", StringComparison.Ordinal)),
            type => Assert.Contains(type!, defined)
        );
        // A client that is generated from it has each operation's fault, and no optional field.
        Assert.All(
            description.Descendants(wsdl + "operation"),
            o => Assert.Equal("CardFault", o.Element(wsdl + "fault")!.Attribute("name")!.Value)
        );
        Assert.All(
            description.Descendants(xsd + "sequence").Elements(),
            e => Assert.Equal("1", e.Attribute("minOccurs")!.Value)
        );
        Assert.Equal(
            "tns:CardFault",
            description
                .Descendants(wsdl + "part")
                .Single(p => p.Attribute("name")!.Value == "detail")
                .Attribute("element")!
                .Value
        );
    }

    /// <summary>Answers match the schema of the description, from which clients are generated.</summary>
    [Fact]
    public async Task Requests_and_answers_are_valid_by_the_schema_of_the_description()
    {
        var schemas = new XmlSchemaSet();
        var description = XDocument.Parse(
            await Http.GetStringAsync(Address + "?wsdl", TestContext.Current.CancellationToken)
        );
        schemas.Add(
            SoapNamespaces.FinancialTransactions,
            description.Descendants("{http://www.w3.org/2001/XMLSchema}schema").Single().CreateReader()
        );
        foreach (
            var operation in new[]
            {
                Charge("t"),
                Charge("t")
                    .Replace(Number, "1", StringComparison.Ordinal)
                    .Replace(">t<", ">u<", StringComparison.Ordinal),
                Operation("Find"),
                Operation("Cancel"),
            }
        )
        {
            XDocument.Parse(operation).Validate(schemas, null);
            var (_, answer) = await PostAsync(
                Encoding.UTF8.GetBytes(Envelope(operation)),
                "text/xml",
                authorization: Merchant.Header.ToString()
            );
            var result = answer.Descendants().First(e => e.Name.Namespace == OurNamespace);
            new XDocument(result).Validate(schemas, null);
        }
    }

    [Fact]
    public async Task The_head_of_the_description_is_that_of_its_reading()
    {
        using var read = await Http.GetAsync(Address + "?wsdl", TestContext.Current.CancellationToken);
        using var head = await Http.SendAsync(
            new(HttpMethod.Head, Address + "?wsdl"),
            TestContext.Current.CancellationToken
        );
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        Assert.Equal(read.Content.Headers.ContentType, head.Content.Headers.ContentType);
        Assert.Equal(read.Content.Headers.ContentLength, head.Content.Headers.ContentLength);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>
    /// Whatever the Host header holds, the description contains a valid address; HTTP refuses other values before.
    /// </summary>
    [Theory]
    [InlineData("payments.example:8100", "payments.example:8100")]
    [InlineData("[::1]:80", "[::1]:80")]
    [InlineData("", null)]
    [InlineData("a:99999", null)]
    [InlineData("-", null)]
    [InlineData("a..b", null)]
    [InlineData("a:0", null)]
    public async Task An_odd_host_never_makes_a_broken_location(string host, string? expected)
    {
        var answer = await RawAsync(
            $"GET /FinancialTransactions?wsdl HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        );
        Assert.Contains(
            $"location=\"http://{expected ?? Address.Authority}/FinancialTransactions\"",
            answer,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("80000000\r\n")]
    [InlineData("xyz\r\n")]
    public async Task Chunks_that_are_malformed_are_a_bad_request(string chunks) =>
        Assert.StartsWith(
            "HTTP/1.1 400 ",
            await RawAsync(
                "POST /FinancialTransactions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                    + $"Content-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
            ),
            StringComparison.Ordinal
        );

    [Fact]
    public async Task Without_a_host_the_location_is_the_address_of_the_connection() =>
        Assert.Contains(
            $"location=\"{Address}\"",
            await RawAsync("GET /FinancialTransactions?wsdl HTTP/1.0\r\n\r\n"),
            StringComparison.Ordinal
        );
}
