using System.Globalization;
using System.ServiceModel;
using System.Xml;
using System.Xml.Linq;
using Agora.Contracts.Payments;

namespace Agora.Payments;

/// <summary>A request for one operation, read by the rules of SOAP 1.1 and the WSDL.</summary>
internal sealed class SoapRequest
{
    public const string Charge = "Charge";
    public const string Find = "Find";
    public const string Cancel = "Cancel";

    public static readonly XNamespace Soap = "http://schemas.xmlsoap.org/soap/envelope/";
    public static readonly XNamespace Ours = SoapNamespaces.FinancialTransactions;

    private static readonly XName s_nil = XName.Get("nil", "http://www.w3.org/2001/XMLSchema-instance");

    private const string Next = "http://schemas.xmlsoap.org/soap/actor/next";

    private static readonly Dictionary<string, string[]> s_operations = new()
    {
        [Charge] = ["transactionId", "cardholderName", "cardNumber", "expirationDate", "securityCode", "amountInCents"],
        [Find] = ["transactionId"],
        [Cancel] = ["transactionId"],
    };

    // SOAP 1.1 forbids document type declarations.
    private static readonly XmlReaderSettings s_plain = new()
    {
        DtdProcessing = DtdProcessing.Prohibit,
        XmlResolver = null,
        IgnoreComments = true,
        IgnoreProcessingInstructions = true,
    };

    private readonly Dictionary<string, string?> _parameters = [];

    private SoapRequest(string operation) => Operation = operation;

    public string Operation { get; }

    /// <param name="xml">The envelope.</param>
    /// <param name="action">The SOAPAction header, if there is one.</param>
    /// <exception cref="FaultException">It is not a request for one of the operations; the fault says what is
    /// wrong.</exception>
    public static SoapRequest Read(string xml, string? action)
    {
        var body = Body(Envelope(xml));
        if (body.Nodes().OfType<XText>().Any(IsContent) || body.Elements().ToList() is not [var entry])
        {
            throw NotSoap("its Body holds one operation and nothing else");
        }

        if (entry.Name.Namespace != Ours || !s_operations.TryGetValue(entry.Name.LocalName, out var names))
        {
            throw SoapFaults.Client(
                $"The request is not for one of the operations {string.Join(", ", s_operations.Keys)} "
                    + $"in the namespace {Ours}."
            );
        }

        var request = new SoapRequest(entry.Name.LocalName);
        request.CheckAction(action);
        request.ReadParameters(entry, names);
        return request;
    }

    /// <summary>A parameter; null if it is missing or nil.</summary>
    public string? Text(string name) => _parameters.GetValueOrDefault(name);

    public long Integer(string name)
    {
        try
        {
            return XmlConvert.ToInt64(Text(name) ?? "");
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            throw SoapFaults.Malformed(
                name,
                string.Create(CultureInfo.InvariantCulture, $"must be a whole number, at most {long.MaxValue}")
            );
        }
    }

    private static XElement Envelope(string xml)
    {
        XElement root;
        try
        {
            using var reader = XmlReader.Create(new StringReader(xml), s_plain);
            root = XDocument.Load(reader, LoadOptions.PreserveWhitespace).Root!;
        }
        catch (XmlException)
        {
            throw SoapFaults.Client("The request is not well-formed XML without a document type declaration.");
        }

        if (root.Name == Soap + "Envelope")
        {
            return root;
        }

        throw root.Name.LocalName == "Envelope"
            ? SoapFaults.VersionMismatch($"The envelope is not of SOAP 1.1, whose namespace is {Soap}.")
            : NotSoap("its root is an Envelope");
    }

    private static XElement Body(XElement envelope)
    {
        var parts = envelope.Elements().ToList();
        var header = parts is [var first, ..] && first.Name == Soap + "Header" ? first : null;
        if (header is not null)
        {
            CheckHeader(header);
            parts.RemoveAt(0);
        }

        return parts is [var body] && body.Name == Soap + "Body" && !envelope.Nodes().OfType<XText>().Any(IsContent)
            ? body
            : throw NotSoap("its Envelope holds at most one Header, then one Body, and nothing else");
    }

    /// <summary>
    /// This service understands no header, so it must do nothing if one must be understood (SOAP 1.1, 4.2.3).
    /// </summary>
    private static void CheckHeader(XElement header)
    {
        foreach (var entry in header.Elements())
        {
            var isOurs = entry.Attribute(Soap + "actor")?.Value.Trim() is null or "" or Next;
            switch (entry.Attribute(Soap + "mustUnderstand")?.Value.Trim())
            {
                case null or "0" or "false":
                    break;
                case "1" or "true":
                    if (isOurs)
                    {
                        throw SoapFaults.MustUnderstand(
                            $"The header {entry.Name.LocalName} must be understood, and this service understands none. "
                                + "Nothing was done."
                        );
                    }

                    break;
                default:
                    throw NotSoap("mustUnderstand is 0 or 1");
            }
        }
    }

    // The action is a hint. It may be missing or be the operation's name alone, but it must not name another operation.
    private void CheckAction(string? action)
    {
        var named = action?.Trim().Trim('"') ?? "";
        if (named.Length > 0 && named[(named.LastIndexOfAny(['/', '#', ':']) + 1)..] != Operation)
        {
            throw SoapFaults.Client($"The SOAPAction is not that of the operation in the Body, {Operation}.");
        }
    }

    private void ReadParameters(XElement operation, string[] names)
    {
        if (operation.Nodes().OfType<XText>().Any(IsContent))
        {
            throw SoapFaults.Client($"{Operation} holds text beside its parameters.");
        }

        foreach (var parameter in operation.Elements())
        {
            var name = parameter.Name.LocalName;
            if (parameter.Name.Namespace != Ours || !names.Contains(name))
            {
                throw SoapFaults.Client(
                    $"{Operation} holds something else than its parameters in the namespace {Ours}: "
                        + $"{string.Join(", ", names)}."
                );
            }

            if (parameter.HasElements)
            {
                throw SoapFaults.Malformed(name, "must be text");
            }

            var isNil = parameter.Attribute(s_nil)?.Value.Trim() is "1" or "true";
            if (!_parameters.TryAdd(name, isNil ? null : parameter.Value))
            {
                throw SoapFaults.Malformed(name, "must occur once");
            }
        }
    }

    private static FaultException NotSoap(string rule) => SoapFaults.Client($"The request is not SOAP 1.1: {rule}.");

    private static bool IsContent(XText text) => !string.IsNullOrWhiteSpace(text.Value);
}
