using Agora.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Agora.Web.Operations;

/// <summary>The control room.</summary>
internal static class OperationsEndpoints
{
    public const string Path = "/operations";

    /// <summary>Registers what the pages need. The program registers <see cref="IControlRoom"/> itself.</summary>
    public static void AddOperations(
        this IServiceCollection services,
        ClusterFile cluster,
        int replica,
        string directory
    )
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(_ => new OperatorKey(directory));
        services.AddSingleton<OperatorAccess>();
        services.AddSingleton<PartRenderer>();
        services.AddSingleton<LiveParts>();
        services.AddSingleton(provider => new OperationsFunctions(
            provider.GetRequiredService<IControlRoom>(),
            provider.GetRequiredService<OperatorAccess>(),
            provider.GetRequiredService<OperatorKey>(),
            provider.GetRequiredService<TimeProvider>(),
            FormattableString.Invariant($"{Components.Web}/{replica}")
        ));
    }

    /// <summary>Maps the pages under <c>/operations</c>.</summary>
    public static void MapOperations(this WebApplication app)
    {
        if (app.Services.GetService<IControlRoom>() is null)
        {
            // The pages of the shop stand alone in its tests.
            return;
        }

        // Made now, so that an unusable directory is reported before anything is served.
        var functions = app.Services.GetRequiredService<OperationsFunctions>();
        var live = app.Services.GetRequiredService<LiveParts>();
        Get("", functions.ShowAsync);
        app.MapGet(Path + "/live", (RequestDelegate)live.ServeAsync);
        Get("/log/{component}/{replica}", functions.ShowLogAsync);
        Post("/processes/{component}/{replica}/{act}", functions.ActOnProcessAsync);
        Post("/network", functions.SetNetworkAsync);
        Post("/network/cut", functions.CutAsync);
        Post("/network/heal", functions.HealAsync);
        Post("/demonstrations/{name}", functions.DemonstrateAsync);
        Post("/key", functions.EnterKeyAsync);
        Post("/key/forget", OperationsFunctions.ForgetKeyAsync);

        void Get(string path, Func<HttpContext, Task<IResult>> answer) => app.MapGet(Path + path, Serve(answer));
        void Post(string path, Func<HttpContext, Task<IResult>> answer) => app.MapPost(Path + path, Serve(answer));
    }

    private static RequestDelegate Serve(Func<HttpContext, Task<IResult>> answer) =>
        async http => await (await answer(http)).ExecuteAsync(http);
}
