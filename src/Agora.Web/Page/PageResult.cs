using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Agora.Web.Page;

/// <summary>
/// An answer that is a component, rendered once. The page is complete before its first byte is sent, so a component
/// that fails becomes an error page and never half a page.
/// </summary>
internal sealed class PageResult(Type component, int status, Dictionary<string, object?> parameters) : IResult
{
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var services = httpContext.RequestServices;
        using Utf8PageWriter page = new();
        await using (HtmlRenderer renderer = new(services, services.GetRequiredService<ILoggerFactory>()))
        {
            await renderer.Dispatcher.InvokeAsync(async () =>
            {
                var root = await renderer.RenderComponentAsync(component, ParameterView.FromDictionary(parameters));
                root.WriteHtmlTo(page);
            });
        }

        page.Flush();
        var response = httpContext.Response;
        response.StatusCode = status;
        response.ContentType = "text/html; charset=utf-8";
        await response.Body.WriteAsync(page.Written, httpContext.RequestAborted);
    }
}
