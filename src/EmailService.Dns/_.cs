namespace EmailService.Dns;
