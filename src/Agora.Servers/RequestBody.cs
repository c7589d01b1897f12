using Microsoft.AspNetCore.Http;

namespace Agora.Servers;

/// <summary>Reads the bodies of requests.</summary>
internal static class RequestBody
{
    /// <summary>
    /// Runs a read of the body. A body whose framing is malformed, such as a chunk whose size has too many digits, is a
    /// bad request: Kestrel reports some of these faults as an <see cref="IOException"/> like any other.
    /// </summary>
    /// <exception cref="BadHttpRequestException">The body is malformed, too long or too slow.</exception>
    public static async Task<T> ReadAsync<T>(HttpRequest request, Func<Stream, Task<T>> read)
    {
        try
        {
            return await read(request.Body);
        }
        catch (IOException e)
            when (e is not BadHttpRequestException && !request.HttpContext.RequestAborted.IsCancellationRequested)
        {
            throw new BadHttpRequestException("The body is malformed.", StatusCodes.Status400BadRequest, e);
        }
    }
}
