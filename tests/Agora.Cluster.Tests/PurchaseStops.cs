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
using CustomersRequest = Agora.Contracts.Customers.ExecuteRequest;
using ProductsRequest = Agora.Contracts.Products.ExecuteRequest;

namespace Agora.Cluster.Tests;

/// <summary>
/// Stops a real buyer server between two steps of a purchase. <c>POST /stop-before/STEP/PURCHASE</c> has the server's
/// process stop itself (SIGSTOP) before that step of that purchase, once; a test then kills it, or something else, and
/// lets it go on. Lives in the buyer servers of the tests' marketplaces only (<see cref="StartupHook"/>), where it is
/// put around what leaves the server: calls of the databases, calls of the payment service, and answers.
/// </summary>
internal sealed class PurchaseStops : Interceptor, IStartupFilter
{
    /// <summary>Nothing is done yet.</summary>
    public const string Checkout = "GetCheckout";

    /// <summary>The purchase is decided, its buyer not yet told.</summary>
    public const string Answer = "Answer";

    private const string Path = "/stop-before";

    // What a call of MakePurchase is about, learned from its first step.
    private readonly AsyncLocal<StrongBox<string?>?> _purchase = new();
    private readonly ConcurrentDictionary<string, string> _planned = [];

    /// <summary>The hosts that this process builds from now on stop where a test asks them to.</summary>
    public static void Install()
    {
        // The event with which ASP.NET Core's own tests get at a program's services.
        Observer<KeyValuePair<string, object?>> hosts = new(e =>
        {
            if (e is { Key: "HostBuilding", Value: IHostBuilder host })
            {
                host.ConfigureServices(services => new PurchaseStops().AddTo(services));
            }
        });
        DiagnosticListener.AllListeners.Subscribe(new Observer<DiagnosticListener>(listener =>
        {
            if (listener.Name == "Microsoft.Extensions.Hosting")
            {
                listener.Subscribe(hosts);
            }
        }));
    }

    public static Uri Request(Uri server, string step, string purchaseId) => new(server, $"{Path}/{step}/{purchaseId}");

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context,
        AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
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
                foreach (ByteString id in confirm.PurchaseIds)
                {
                    Before(nameof(Confirm), id);
                }
                break;
        }
        return continuation(request, context);
    }

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(async (http, rest) =>
        {
            if (http.Request.Path.StartsWithSegments(Path, out PathString what))
            {
                string[] words = what.Value!.Split('/');
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
        });
        next(app);
    };

    private void AddTo(IServiceCollection services)
    {
        services.AddSingleton<Interceptor>(this);
        services.AddSingleton<IStartupFilter>(this);
        Replace<IFinancialTransactions>(services, real => new StoppingPayments(real, this));
        // What dead servers leave behind is settled sooner, so that a test need not wait for long.
        Replace<ServerContext>(services, real => real with
        {
            Settings = real.Settings with
            {
                AbandonedAfter = real.Settings.CallDeadline + TimeSpan.FromSeconds(4),
                RecoveryInterval = TimeSpan.FromSeconds(4),
            },
        });
    }

    private static void Replace<T>(IServiceCollection services, Func<T, T> around)
        where T : class
    {
        ServiceDescriptor real = services.Last(s => s.ServiceType == typeof(T));
        services.AddSingleton(provider => around((T)real.ImplementationFactory!(provider)));
    }

    private void Before(string step, ByteString purchaseId) => Before(step, PurchaseSaga.TransactionId(purchaseId));

    private void Before(string step, string purchaseId)
    {
        if (_purchase.Value is { } current)
        {
            current.Value = purchaseId;
        }
        if (_planned.TryRemove(KeyValuePair.Create(purchaseId, step))
            && !Posix.Freeze(Environment.ProcessId, frozen: true))
        {
            throw new InvalidOperationException("this process cannot stop itself");
        }
    }

    private sealed class StoppingPayments(IFinancialTransactions real, PurchaseStops stops) : IFinancialTransactions
    {
        public Task<TransactionState> ChargeAsync(
            string transactionId, string cardholderName, string cardNumber, string expirationDate, string securityCode,
            long amountInCents)
        {
            stops.Before("Charge", transactionId);
            return real.ChargeAsync(
                transactionId, cardholderName, cardNumber, expirationDate, securityCode, amountInCents);
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

    private sealed class Observer<T>(Action<T> next) : IObserver<T>
    {
        public void OnNext(T value) => next(value);

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }
    }
}
