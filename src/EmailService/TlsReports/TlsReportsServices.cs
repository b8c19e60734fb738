using EmailService.Platform;
using EmailService.Platform.Jobs;

namespace EmailService.TlsReports;

/// <summary>Reports about TLS to recipients' domains.</summary>
public static class TlsReportsServices
{
    public static void AddTlsReports(this WebApplicationBuilder builder)
    {
        builder.AddOptions<TlsReportsOptions>("TlsReports");
        builder.Services.AddSingleton<TlsReportStore>();
        builder.Services.AddSingleton<TlsReportMail>();
        builder.Services.AddSingleton<TlsReportPost>();
        builder.Services.AddJob<TlsReportJob>("tls-reports", "0 4/10 * * * ?");
    }
}
