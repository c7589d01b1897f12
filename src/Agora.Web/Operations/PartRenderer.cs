using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.Extensions.Logging;

namespace Agora.Web.Operations;

/// <summary>
/// Renders the parts of the page that change, with the components of which the page consists. All who watch the same
/// thing share the result.
/// </summary>
internal sealed class PartRenderer(IServiceProvider services, ILoggerFactory loggers, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Task<IReadOnlyList<Part>>> _rendered = [];
    private Picture? _picture;

    /// <summary>The parts of a picture.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="server">The server whose speed is shown; null for all.</param>
    public Task<IReadOnlyList<Part>> RenderAsync(Picture picture, string? server)
    {
        lock (_gate)
        {
            if (!ReferenceEquals(_picture, picture))
            {
                _picture = picture;
                _rendered.Clear();
            }

            if (!_rendered.TryGetValue(server ?? "", out var parts))
            {
                _rendered[server ?? ""] = parts = Task.Run(() => RenderNowAsync(picture, server));
            }

            return parts;
        }
    }

    private async Task<IReadOnlyList<Part>> RenderNowAsync(Picture picture, string? server)
    {
        List<Part> parts = [];
        await using HtmlRenderer renderer = new(services, loggers);
        await renderer.Dispatcher.InvokeAsync(async () =>
        {
            foreach (var (id, component, parameters) in RoomParts.Of(picture, server, time.GetUtcNow().UtcDateTime))
            {
                var root = await renderer.RenderComponentAsync(component, ParameterView.FromDictionary(parameters));
                parts.Add(new Part(id, root.ToHtmlString()));
            }
        });
        return parts;
    }
}
