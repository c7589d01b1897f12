using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Http;

namespace Agora.Web.Page;

/// <summary>Makes answers of components.</summary>
public static class Pages
{
    /// <summary>A page.</summary>
    /// <param name="parameters">The component's parameters, by name.</param>
    public static IResult Render<TComponent>(params (string Name, object? Value)[] parameters)
        where TComponent : IComponent => Render<TComponent>(StatusCodes.Status200OK, parameters);

    /// <summary>A page with a status that is not 200.</summary>
    /// <param name="status">The status.</param>
    /// <param name="parameters">The component's parameters, by name.</param>
    public static IResult Render<TComponent>(int status, params (string Name, object? Value)[] parameters)
        where TComponent : IComponent =>
        new PageResult(
            typeof(TComponent),
            status,
            parameters.ToDictionary(p => p.Name, p => p.Value, StringComparer.Ordinal)
        );
}
