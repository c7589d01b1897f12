using System.Runtime.Serialization;
using System.ServiceModel;
using System.ServiceModel.Channels;
using System.Xml;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SoapCore;
using SoapCore.Extensibility;

namespace Agora.Payments;

/// <summary>What a caller is told when a request fails: what to mend, or that the service is at fault; never how it looks inside.</summary>
internal sealed class SoapFaults(ILogger<SoapFaults> logger, IHostApplicationLifetime lifetime) : IFaultExceptionTransformer
{
    private readonly DefaultFaultExceptionTransformer<CustomMessage> _writer = new();

    public Message ProvideFault(
        Exception exception, MessageVersion messageVersion, Message requestMessage, ConcurrentXmlNamespaceLookup namespaces) =>
        _writer.ProvideFault(Fault(exception), messageVersion, requestMessage, namespaces);

    private FaultException Fault(Exception exception)
    {
        switch (exception)
        {
            case FaultException fault:
                return fault;
            // While stopping; an InvalidOperationException by its type, but nothing that the caller could mend.
            case ObjectDisposedException:
                return Server();
            // Thrown while the request was read: not SOAP 1.1, not one of the operations, not the types of the WSDL.
            case XmlException or SerializationException or CommunicationException or FormatException or ArgumentException
                or InvalidOperationException:
                logger.LogDebug(exception, "A request was not understood");
                return Client("The request is not SOAP 1.1 with one of the operations of the WSDL.");
            case SqliteException:
                // What cannot be kept must not be answered, now or later: end, and say why.
                logger.LogCritical(exception, "Transactions cannot be kept any more: stopping");
                Environment.ExitCode = 1;
                lifetime.StopApplication();
                return Server();
            default:
                logger.LogError(exception, "A request failed");
                return Server();
        }
    }

    private static FaultException Client(string reason) => new(new FaultReason(reason), new FaultCode("Client"), action: null);

    private static FaultException Server() =>
        new(new FaultReason("The service is unavailable; ask again under the same transactionId."), new FaultCode("Server"), action: null);
}
