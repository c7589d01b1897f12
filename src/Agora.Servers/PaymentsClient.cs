using System.Net.Sockets;
using System.ServiceModel;
using Agora.Cluster;
using Agora.Contracts.Payments;

namespace Agora.Servers;

/// <summary>
/// The client of the payment service, over SOAP. It is safe to repeat an operation under its transaction id, so a lost
/// connection is retried a few times. A card's fields are passed on and never stored.
/// </summary>
internal sealed class PaymentsClient(IFinancialTransactions service, TimeProvider time)
{
    // The pauses between them are 0.1, 0.2, 0.4 and 0.8 s: long enough for a restart of the service, and short enough
    // to report soon that it is down.
    private const int MaxAttempts = 5;

    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_connectTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_maxIdle = TimeSpan.FromSeconds(5);

    /// <summary>A channel that connects when it is used. WCF pools its HTTP connections.</summary>
    public static IFinancialTransactions Connect(
        PaymentsGroup payments,
        ServerSettings settings,
        ComponentIdentity? identity,
        MerchantSecret? merchant
    )
    {
        var binding = new BasicHttpBinding(
            payments.UsesHttps ? BasicHttpSecurityMode.Transport : BasicHttpSecurityMode.None
        )
        {
            OpenTimeout = settings.PaymentTimeout,
            SendTimeout = settings.PaymentTimeout,
            ReceiveTimeout = settings.PaymentTimeout,
            UseDefaultWebProxy = false,
        };
        var factory = new ChannelFactory<IFinancialTransactions>(binding, new EndpointAddress(Endpoint(payments)));
        var handler = () => new MerchantSecretHandler(merchant, Handler(payments, identity));
        factory.Endpoint.EndpointBehaviors.Add(new HttpHandlerBehavior(handler));
        return factory.CreateChannel();
    }

    public static Uri Endpoint(PaymentsGroup payments) =>
        new UriBuilder(
            payments.UsesHttps ? Uri.UriSchemeHttps : Uri.UriSchemeHttp,
            payments.Replicas[0].Dial().Host,
            payments.Replicas[0].Dial().Port,
            "/FinancialTransactions"
        ).Uri;

    // A host that dies or gets another address closes no connection, and HTTP/1.1 has no pings. So a connection that
    // was not used for a while is not used again, and a new one looks the name up.
    public static SocketsHttpHandler Handler(PaymentsGroup payments, ComponentIdentity? identity) =>
        new()
        {
            UseProxy = false,
            UseCookies = false,
            ConnectTimeout = s_connectTimeout,
            PooledConnectionIdleTimeout = s_maxIdle,
            SslOptions = payments.UsesHttps ? identity?.ClientOptions(Components.Payments, 0) : null,
        };

    /// <exception cref="FaultException{CardFault}">The service found the card malformed; nothing was
    /// charged.</exception>
    public Task<TransactionState> ChargeAsync(
        string transactionId,
        Card card,
        long cents,
        CancellationToken cancellationToken
    ) =>
        RepeatAsync(
            () =>
                service.ChargeAsync(
                    transactionId,
                    card.CardholderName,
                    card.CardNumber,
                    card.ExpirationDate,
                    card.SecurityCode,
                    cents
                ),
            cancellationToken
        );

    public Task<TransactionState> FindAsync(string transactionId, CancellationToken cancellationToken) =>
        RepeatAsync(() => service.FindAsync(transactionId), cancellationToken);

    public Task<TransactionState> CancelAsync(string transactionId, CancellationToken cancellationToken) =>
        RepeatAsync(() => service.CancelAsync(transactionId), cancellationToken);

    private async Task<TransactionState> RepeatAsync(
        Func<Task<TransactionState>> operation,
        CancellationToken cancellationToken
    )
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                // A server that was stopped for minutes must not send anything now.
                cancellationToken.ThrowIfCancellationRequested();
                return await operation().WaitAsync(cancellationToken);
            }
            // If the service refuses our request, for example the secret, it refuses every repeat too.
            catch (FaultException e) when (e is not FaultException<CardFault> && e.Code.Name == "Client")
            {
                throw new UnavailableException("The payment service", e);
            }
            // WCF does not wrap this exception if a connection is reset as soon as it is made.
            catch (Exception e)
                when (e
                        is TimeoutException
                            or CommunicationException
                            and not FaultException<CardFault>
                            or SocketException
                            or IOException
                )
            {
                if (attempt == MaxAttempts || cancellationToken.IsCancellationRequested)
                {
                    throw new UnavailableException("The payment service", e);
                }
            }
            catch (OperationCanceledException e)
            {
                throw new UnavailableException("The payment service", e);
            }
            // If the deadline ends the pause, the next attempt throws.
            await Task.Delay(s_firstPause * (1 << (attempt - 1)), time, cancellationToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
