using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Agora.Contracts.Customers;
using Agora.Contracts.Payments;
using Agora.Contracts.Products;
using Agora.Launcher;
using Agora.Servers;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Agora.EndToEnd.Tests;

/// <summary>
/// Stops a real buyer server between two steps of a purchase. <c>POST /stop-before/STEP/PURCHASE</c> has the server's
/// process stop itself (SIGSTOP) before that step of that purchase, once. A test then kills it, or another process, and
/// continues it. It is loaded only into the buyer servers of the tests' marketplaces (<see cref="StartupHook"/>). There
/// it wraps everything that leaves the server: calls of the databases, calls of the payment service, and answers.
/// </summary>
internal sealed class PurchaseStops : Interceptor, IStartupFilter
{
    /// <summary>The first step; nothing is done yet.</summary>
    public const string Checkout = "GetCheckout";

    /// <summary>The last step; the purchase is decided, but the buyer does not know it yet.</summary>
    public const string Answer = "Answer";

    private const string Path = "/stop-before";

    // The purchase of a call of MakePurchase, known from its first step on.
    private readonly AsyncLocal<StrongBox<string?>?> _purchase = new();
    private readonly ConcurrentDictionary<string, string> _planned = [];

    /// <summary>Makes the hosts that this process builds from now on stop where a test asks.</summary>
    public static void Install()
    {
        // ASP.NET Core's own tests use the same event to reach a program's services.
        ActionObserver<KeyValuePair<string, object?>> hosts = new(e =>
        {
            if (e is { Key: "HostBuilding", Value: IHostBuilder host })
            {
                host.ConfigureServices(services => new PurchaseStops().AddTo(services));
            }
        });
        DiagnosticListener.AllListeners.Subscribe(
            new ActionObserver<DiagnosticListener>(listener =>
            {
                if (listener.Name == "Microsoft.Extensions.Hosting")
                {
                    listener.Subscribe(hosts);
                }
            })
        );
    }

    public static Uri Request(Uri server, string step, string purchaseId) => new(server, $"{Path}/{step}/{purchaseId}");

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncUnaryCallContinuation<TRequest, TResponse> continuation
    )
    {
        switch (request)
        {
            case CheckoutQuery checkout:
                Before(Checkout, checkout.PurchaseId);
                break;
            case CustomersRequest { Command: { CompletePurchase: { } complete } command }:
                Before(command.KindCase.ToString(), complete.PurchaseId);
                break;
            case CustomersRequest { Command: { AbandonPurchase: { } abandon } command }:
                Before(command.KindCase.ToString(), abandon.PurchaseId);
                break;
            case ProductsRequest { Command: { Reserve: { } reserve } command }:
                Before(command.KindCase.ToString(), reserve.PurchaseId);
                break;
            case ProductsRequest { Command: { Release: { } release } command }:
                Before(command.KindCase.ToString(), release.PurchaseId);
                break;
            case ProductsRequest { Command.Confirm: { } confirm }:
                foreach (var id in confirm.PurchaseIds)
                {
                    Before(nameof(Confirm), id);
                }

                break;
        }

        return continuation(request, context);
    }

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) =>
        app =>
        {
            app.Use(
                async (http, rest) =>
                {
                    if (http.Request.Path.StartsWithSegments(Path, out var what))
                    {
                        var words = what.Value!.Split('/');
                        _planned[words[2]] = words[1];
                        http.Response.StatusCode = StatusCodes.Status204NoContent;
                        return;
                    }

                    StrongBox<string?> purchase = new();
                    _purchase.Value = purchase;
                    http.Response.OnStarting(() =>
                    {
                        if (purchase.Value is { } id)
                        {
                            Before(Answer, id);
                        }

                        return Task.CompletedTask;
                    });
                    await rest(http);
                }
            );
            next(app);
        };

    private void AddTo(IServiceCollection services)
    {
        services.AddSingleton<Interceptor>(this);
        services.AddSingleton<IStartupFilter>(this);
        Replace<IFinancialTransactions>(services, real => new StoppingPayments(real, this));

        // Purchases of dead servers are settled sooner, so that a test need not wait long.
        Replace<ServerSettings>(
            services,
            real =>
                real with
                {
                    AbandonedAfter = real.CallDeadline + TimeSpan.FromSeconds(4),
                    RecoveryInterval = TimeSpan.FromSeconds(4),
                }
        );
    }

    private static void Replace<T>(IServiceCollection services, Func<T, T> around)
        where T : class
    {
        var real = services.Last(s => s.ServiceType == typeof(T));
        services.AddSingleton(provider => around((T)real.ImplementationFactory!(provider)));
    }

    private void Before(string step, ByteString purchaseId) => Before(step, PurchaseSaga.TransactionId(purchaseId));

    private void Before(string step, string purchaseId)
    {
        if (_purchase.Value is { } current)
        {
            current.Value = purchaseId;
        }

        if (
            _planned.TryRemove(KeyValuePair.Create(purchaseId, step))
            && !Posix.Freeze(Environment.ProcessId, frozen: true)
        )
        {
            throw new InvalidOperationException("this process cannot stop itself");
        }
    }

    private sealed class StoppingPayments(IFinancialTransactions real, PurchaseStops stops) : IFinancialTransactions
    {
        public Task<TransactionState> ChargeAsync(
            string transactionId,
            string cardholderName,
            string cardNumber,
            string expirationDate,
            string securityCode,
            long amountInCents
        )
        {
            stops.Before("Charge", transactionId);
            return real.ChargeAsync(
                transactionId,
                cardholderName,
                cardNumber,
                expirationDate,
                securityCode,
                amountInCents
            );
        }

        public Task<TransactionState> FindAsync(string transactionId)
        {
            stops.Before("Find", transactionId);
            return real.FindAsync(transactionId);
        }

        public Task<TransactionState> CancelAsync(string transactionId)
        {
            stops.Before("Cancel", transactionId);
            return real.CancelAsync(transactionId);
        }
    }

    private sealed class ActionObserver<T>(Action<T> next) : IObserver<T>
    {
        public void OnNext(T value) => next(value);

        public void OnCompleted() { }

        public void OnError(Exception error) { }
    }
}
