using System.Net.Sockets;
using System.ServiceModel;
using System.ServiceModel.Channels;
using System.ServiceModel.Description;
using System.ServiceModel.Dispatcher;
using Agora.Contracts.Cluster;
using Agora.Contracts.Payments;
using Agora.Contracts.Security;

namespace Agora.Servers;

/// <summary>
/// The payment service over SOAP. Every operation may be repeated under its transaction id, so a lost connection is tried again a
/// few times; a card's fields are passed on and never kept.
/// </summary>
internal sealed class Payments(IFinancialTransactions service, ServerContext context)
{
    // With pauses of 0.1, 0.2, 0.4 and 0.8 s between them: a service that is restarted is waited for, one that is down is soon told.
    private const int Tries = 5;

    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(100);

    /// <summary>A channel that connects when it is used; WCF pools its HTTP connections.</summary>
    public static IFinancialTransactions Connect(
        PaymentsGroup payments, ServerSettings settings, ComponentIdentity? identity, MerchantSecret? merchant)
    {
        var binding = new BasicHttpBinding(payments.UsesHttps ? BasicHttpSecurityMode.Transport : BasicHttpSecurityMode.None)
        {
            OpenTimeout = settings.PaymentTimeout,
            SendTimeout = settings.PaymentTimeout,
            ReceiveTimeout = settings.PaymentTimeout,
            UseDefaultWebProxy = false,
        };
        var factory = new ChannelFactory<IFinancialTransactions>(binding, new EndpointAddress(Endpoint(payments)));
        var handler = () => new ShowingSecret(merchant, Handler(payments, identity));
        factory.Endpoint.EndpointBehaviors.Add(new OwnHandler(handler));
        return factory.CreateChannel();
    }

    public static Uri Endpoint(PaymentsGroup payments) => new UriBuilder(
        payments.UsesHttps ? Uri.UriSchemeHttps : Uri.UriSchemeHttp,
        payments.Replicas[0].Dial().Host, payments.Replicas[0].Dial().Port, "/FinancialTransactions").Uri;

    public static SocketsHttpHandler Handler(PaymentsGroup payments, ComponentIdentity? identity) => new()
    {
        UseProxy = false,
        UseCookies = false,
        SslOptions = payments.UsesHttps ? identity?.Towards(Components.Payments, 0) : null,
    };

    /// <exception cref="FaultException{CardFault}">The service found the card malformed; nothing was charged.</exception>
    public Task<TransactionState> ChargeAsync(string transactionId, Card card, long cents, CancellationToken deadline) => RepeatAsync(
        () => service.ChargeAsync(transactionId, card.CardholderName, card.CardNumber, card.ExpirationDate, card.SecurityCode, cents),
        deadline);

    public Task<TransactionState> FindAsync(string transactionId, CancellationToken deadline) =>
        RepeatAsync(() => service.FindAsync(transactionId), deadline);

    public Task<TransactionState> CancelAsync(string transactionId, CancellationToken deadline) =>
        RepeatAsync(() => service.CancelAsync(transactionId), deadline);

    private async Task<TransactionState> RepeatAsync(Func<Task<TransactionState>> operation, CancellationToken deadline)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                // A server that was stopped for minutes sends nothing any more.
                deadline.ThrowIfCancellationRequested();
                return await operation().WaitAsync(deadline);
            }
            // What it finds wrong with our request, such as the secret, it finds wrong each time.
            catch (FaultException e) when (e is not FaultException<CardFault> && e.Code.Name == "Client")
            {
                throw new UnavailableException("The payment service", e);
            }
            // A connection that is reset in the instant in which it was made comes through WCF as it is.
            catch (Exception e) when (e is TimeoutException or CommunicationException and not FaultException<CardFault> or SocketException or IOException)
            {
                if (attempt == Tries || deadline.IsCancellationRequested)
                {
                    throw new UnavailableException("The payment service", e);
                }
            }
            catch (OperationCanceledException e)
            {
                throw new UnavailableException("The payment service", e);
            }
            // The next attempt finds out, where the deadline ends the pause.
            await Task.Delay(s_firstPause * (1 << (attempt - 1)), context.Time, deadline).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}

/// <summary>Has WCF send its messages with a handler of ours, since its own settings know no certificates of a private authority.</summary>
internal sealed class OwnHandler(Func<HttpMessageHandler> handler) : IEndpointBehavior
{
    public void AddBindingParameters(ServiceEndpoint endpoint, BindingParameterCollection bindingParameters) =>
        bindingParameters.Add(new Func<HttpClientHandler, HttpMessageHandler>(_ => handler()));

    public void ApplyClientBehavior(ServiceEndpoint endpoint, ClientRuntime clientRuntime)
    {
    }

    public void ApplyDispatchBehavior(ServiceEndpoint endpoint, EndpointDispatcher endpointDispatcher)
    {
    }

    public void Validate(ServiceEndpoint endpoint)
    {
    }
}

/// <summary>Says who calls, where the connection does not.</summary>
internal sealed class ShowingSecret(MerchantSecret? merchant, HttpMessageHandler next) : DelegatingHandler(next)
{
    protected override Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.Authorization = merchant?.Header;
        return base.SendAsync(request, cancellationToken);
    }
}

/// <summary>A card, checked for its form. It lives in the memory of the server that drives the purchase, and nowhere else.</summary>
internal sealed record Card(string CardholderName, string CardNumber, string ExpirationDate, string SecurityCode)
{
    /// <summary>The record's name: a card is not for printing.</summary>
    public override string ToString() => nameof(Card);

    public static Card Read(Fields fields, TimeProvider time) => new(
        fields.Name("cardholderName", Bounds.MaxCardholderName),
        fields.Text("cardNumber", WrongNumber),
        fields.Text("expirationDate", text => WrongMonth(text, time.GetUtcNow())),
        fields.Text("securityCode", text => text.Length is 3 or 4 && text.All(char.IsAsciiDigit) ? null : "must be 3 or 4 digits"));

    private static string? WrongNumber(string text)
    {
        if (text.Length is < 12 or > 19 || !text.All(char.IsAsciiDigit))
        {
            return "must be 12 to 19 digits";
        }
        var sum = 0;
        for (var i = 1; i <= text.Length; i++)
        {
            var digit = (text[^i] - '0') * (i % 2 == 0 ? 2 : 1);
            sum += digit > 9 ? digit - 9 : digit;
        }
        return sum % 10 == 0 ? null : "has a wrong digit: it does not pass the Luhn check";
    }

    private static string? WrongMonth(string text, DateTimeOffset now)
    {
        if (text is not [var m1, var m2, '/', var y1, var y2]
            || !char.IsAsciiDigit(m1) || !char.IsAsciiDigit(m2) || !char.IsAsciiDigit(y1) || !char.IsAsciiDigit(y2))
        {
            return "must be MM/YY";
        }
        var month = ((m1 - '0') * 10) + m2 - '0';
        var year = 2000 + ((y1 - '0') * 10) + y2 - '0';
        // A card is good to the end of its month everywhere on Earth, 12 hours after the month has ended in UTC; the payment service
        // agrees.
        var latest = now.ToUniversalTime().AddHours(-12);
        return month is < 1 or > 12 ? "must have a month from 01 to 12"
            : (year * 12) + month < (latest.Year * 12) + latest.Month ? "is past"
            : null;
    }
}
